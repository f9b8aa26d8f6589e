"""Recommend calls at a fixed rate: planned in advance, each timed from its plan, whatever became of the others."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

import grpc
import numpy as np
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.event_types_pb2 import PageType
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from perf.faults.report import Report
from server.cli.client import recommend_request

_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Times in seconds of time.monotonic(). code: name of its status. reasons: why its answer is degraded."""

    planned_s: float
    ended_s: float
    code: str
    reasons: tuple[str, ...]

    @property
    def degraded(self) -> bool:
        """Returns whether its answer is less than it should be."""
        return bool(self.reasons)

    @property
    def ok(self) -> bool:
        """Returns whether it was answered."""
        return self.code == grpc.StatusCode.OK.name

    @property
    def latency_ms(self) -> float:
        """Returns the time from the plan to the end."""
        return (self.ended_s - self.planned_s) * 1e3


class SteadyLoad:
    """Runs while the block runs. request_of: makes the request of each call from its number."""

    def __init__(self, address: str, rps: float, request_of: Callable[[int], pb.RecommendRequest]) -> None:
        self.calls: list[Call] = []
        self._rps = rps
        self._request_of = request_of
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
            call = self._stub.Recommend.future(self._request_of(number), timeout=_TIMEOUT_S)
            call.add_done_callback(self._ended(planned_s))
            number += 1

    def _ended(self, planned_s: float) -> Callable[[grpc.Future], None]:
        def note(done: grpc.Future) -> None:
            code = done.code()
            reasons = done.result().degraded_reasons if code is grpc.StatusCode.OK else ()
            names = tuple(map(pb.DegradedReason.Name, reasons))
            call = Call(planned_s, time.monotonic(), code.name, names)
            with self._lock:
                self.calls.append(call)

        return note


def in_turn(users: Sequence[str]) -> Callable[[int], pb.RecommendRequest]:
    """Returns requests for the users one after the other, again and again."""

    def request_of(number: int) -> pb.RecommendRequest:
        user = users[number % len(users)]
        return pb.RecommendRequest(user_id=user, page_type=PageType.PAGE_TYPE_HOME, num_items=20)

    return request_of


def by_new_users(item_ids: Sequence[str]) -> Callable[[int], pb.RecommendRequest]:
    """Returns requests each of which is for a user whom nobody asked for before, who has looked at the items.

    A server remembers what it has scored for a user: only a new one needs the model server.
    """

    def request_of(number: int) -> pb.RecommendRequest:
        return recommend_request(user_id=f"new-{number}", num_items=20, session_item_ids=item_ids)

    return request_of


def why_failed(calls: Sequence[Call]) -> str:
    """Returns the status codes of the calls that were not answered, with how many there were of each."""
    codes = Counter(call.code for call in calls if not call.ok)
    return ", ".join(f"{count} {code}" for code, count in sorted(codes.items()))


def why_degraded(calls: Sequence[Call]) -> str:
    """Returns the reasons of degraded answers, with how many there were of each."""
    reasons = Counter(reason.removeprefix("DEGRADED_REASON_") for call in calls for reason in call.reasons)
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))


def p99_ms(calls: list[Call]) -> float:
    """Returns the 99th percentile of latency, infinite without calls."""
    return float(np.percentile([call.latency_ms for call in calls], 99)) if calls else float("inf")


def share(calls: list[Call], of: Callable[[Call], bool]) -> float:
    """Returns the share of calls of which something holds."""
    return sum(map(of, calls)) / max(len(calls), 1)


def no_failures(report: Report, test: str, name: str, calls: list[Call]) -> None:
    """Adds the share of calls that failed, and by what."""
    failed = share(calls, lambda call: not call.ok) * 100
    report.at_most(test, f"{name}: failed calls {why_failed(calls)}".rstrip(), failed, 0, "%")
