"""Which traces are kept: those somebody asked for, a sample, and everything that went wrong; never more than a rate."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from server.telemetry.call import Call

OK = "OK"
CALLERS_CODES = frozenset(
    {
        "CANCELLED",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "UNAUTHENTICATED",
    }
)
"""What a caller brings about, be it by asking too much. Such a span is no error of the server's."""

KEEP_REASONS = ("error", "degraded", "slow", "sampled")


@dataclass(frozen=True, slots=True)
class KeepValues:
    """head_ratio: share of the calls without a caller's decision that are kept. slow_ms: all slower than this are.

    rate_max: traces a second that one worker keeps, with a burst of as many.
    """

    head_ratio: float
    slow_ms: float
    rate_max: float


class TokenBucket:
    """Lets `rate` through a second on average, `rate` at once. Thread-safe. clock: monotonic seconds."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._size = max(rate, 1.0)
        self._tokens = self._size
        self._filled_s = clock()
        self._lock = threading.Lock()

    def take(self, reserve: float = 0.0) -> bool:
        """Takes a token, where one is left above the reserve (a share of the bucket); returns whether it did."""
        with self._lock:
            now_s = self._clock()
            self._tokens = min(self._size, self._tokens + (now_s - self._filled_s) * self._rate)
            self._filled_s = now_s
            if self._tokens < 1 + reserve * self._size:
                return False
            self._tokens -= 1
            return True


class TraceKeeper:
    """Decides, at a call's start, whether it is sampled, and at its end, whether it is kept.

    A caller that says "not sampled" is believed: its call is kept only if something went wrong with it.
    """

    def __init__(self, values: KeepValues, clock: Callable[[], float]) -> None:
        self._values = values
        self._bucket = TokenBucket(values.rate_max, clock)

    def samples(self) -> bool:
        """Returns whether a call whose caller leaves it open is sampled."""
        return random.random() < self._values.head_ratio

    def reason_to_keep(self, call: Call, code: str, duration_s: float) -> str:
        """Returns why the call's trace is worth keeping; empty where it is not."""
        if code != OK:
            return "error"
        for answer in call.answers:
            if answer.degraded:
                return "degraded"
        if duration_s * 1e3 > self._values.slow_ms:
            return "slow"
        return "sampled" if call.sampled else ""

    def admits(self, code: str) -> bool:
        """Returns whether the rate lets one more through. A flood of calls that cannot succeed leaves half of it to
        other traces."""
        return self._bucket.take(reserve=0.5 if code in CALLERS_CODES else 0.0)
