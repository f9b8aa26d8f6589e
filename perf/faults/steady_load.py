"""Recommend calls at a fixed rate: planned in advance, each timed from its plan, whatever became of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import grpc
import numpy as np
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.event_types_pb2 import PageType
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Times in seconds of time.monotonic()."""

    planned_s: float
    ended_s: float
    ok: bool
    degraded: bool

    @property
    def latency_ms(self) -> float:
        """Returns the time from the plan to the end."""
        return (self.ended_s - self.planned_s) * 1e3


class SteadyLoad:
    """Runs while the block runs. users: ids that are asked for in turn."""

    def __init__(self, address: str, rps: float, users: list[str]) -> None:
        self.calls: list[Call] = []
        self._rps = rps
        self._users = users
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._channel = grpc.insecure_channel(address)
        self._stub = RecommendationServiceStub(self._channel)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> SteadyLoad:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        time.sleep(_TIMEOUT_S)
        self._channel.close()

    def between(self, start_s: float, end_s: float) -> list[Call]:
        """Returns the ended calls that were planned in a span of time, in order."""
        with self._lock:
            found = [call for call in self.calls if start_s <= call.planned_s < end_s]
        return sorted(found, key=lambda call: call.planned_s)

    def _run(self) -> None:
        number, start_s = 0, time.monotonic()
        while not self._stop.is_set():
            planned_s = start_s + number / self._rps
            time.sleep(max(0.0, planned_s - time.monotonic()))
            user = self._users[number % len(self._users)]
            request = pb.RecommendRequest(user_id=user, page_type=PageType.PAGE_TYPE_HOME, num_items=20)
            self._stub.Recommend.future(request, timeout=_TIMEOUT_S).add_done_callback(self._ended(planned_s))
            number += 1

    def _ended(self, planned_s: float) -> Callable[[grpc.Future], None]:
        def note(done: grpc.Future) -> None:
            ok = done.code() is grpc.StatusCode.OK
            call = Call(planned_s, time.monotonic(), ok, ok and bool(done.result().degraded))
            with self._lock:
                self.calls.append(call)

        return note


def p99_ms(calls: list[Call]) -> float:
    """Returns the 99th percentile of latency, infinite without calls."""
    return float(np.percentile([call.latency_ms for call in calls], 99)) if calls else float("inf")


def share(calls: list[Call], of: Callable[[Call], bool]) -> float:
    """Returns the share of calls of which something holds."""
    return sum(map(of, calls)) / max(len(calls), 1)
