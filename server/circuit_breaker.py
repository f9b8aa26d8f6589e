"""Stops asking a dependency that does not answer, and asks again by one probe at a time.

One breaker a dependency and worker. The states are those of Nygard, "Release It!": closed, open, half open.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum


class BreakerState(IntEnum):
    """In the order in which a failing dependency goes through them; the number is the metric's value."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class BreakerValues:
    """failures_max: failures in a row that open it. open_ms: the pause before a probe; it doubles up to open_ms_max
    while probes fail, so that a dependency that comes back is noticed soon and one that stays away is left alone."""

    failures_max: int = 5
    open_ms: float = 100.0
    open_ms_max: float = 1_000.0


class CircuitBreaker:
    """Thread-safe. Every allow() that returns True must be followed by succeeded(), failed() or abandoned().

    clock: monotonic seconds.
    """

    def __init__(self, values: BreakerValues, clock: Callable[[], float] = time.monotonic) -> None:
        self._values = values
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._pause_s = values.open_ms / 1_000
        self._probe_after_s: float | None = None
        self._probing = False
        self.opened_total = 0

    @property
    def state(self) -> BreakerState:
        """Returns the present state."""
        if self._probe_after_s is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._probing else BreakerState.OPEN

    def allow(self) -> bool:
        """Returns whether to ask now. While open it is False, save for one probe at a time after each pause."""
        if self._probe_after_s is None:
            return True
        with self._lock:
            if self._probe_after_s is None:
                return True
            if self._probing or self._clock() < self._probe_after_s:
                return False
            self._probing = True
            return True

    def succeeded(self) -> None:
        """The dependency answered: closes the breaker."""
        if not self._failures:
            return
        with self._lock:
            self._failures = 0
            self._pause_s = self._values.open_ms / 1_000
            self._probe_after_s = None
            self._probing = False

    def failed(self) -> None:
        """The dependency failed, or did not answer in time."""
        with self._lock:
            self._failures += 1
            if self._probing:
                self._pause_s = min(self._pause_s * 2, self._values.open_ms_max / 1_000)
            elif self._failures < self._values.failures_max or self._probe_after_s is not None:
                return
            else:
                self.opened_total += 1
            self._probing = False
            self._probe_after_s = self._clock() + self._pause_s

    def abandoned(self) -> None:
        """The call ended for a reason that says nothing of the dependency, such as the caller's cancellation."""
        with self._lock:
            self._probing = False
