"""Refusals and priorities over real connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from shortlist.v1 import event_service_pb2 as event_pb
from shortlist.v1 import recommendation_service_pb2 as pb

from server.admission.admission import Admission, AdmissionValues
from server.admission.gradient_limit import GradientValues
from server.rpc.server_builder import PublicUseCases, ServerOptions, build_server
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of

REQUEST = pb.RecommendRequest(user_id="u")
PREFETCH = (("shortlist-priority", "prefetch"),)
INTERACTIVE = (("shortlist-priority", "interactive"),)
VALUES = AdmissionValues(
    GradientValues(limit_min=4, limit_initial=4, limit_max=4), adaptive=False, prefetch_share=0.5
)


@dataclass
class Full:
    """A server whose calls wait until they are let go."""

    admission: Admission
    client: RpcClient
    use_cases: RecordingUseCases
    let_go: threading.Event
    made: list[grpc.Future] = field(default_factory=list)

    def occupy(
        self, calls: int, metadata: tuple[tuple[str, str], ...] = (), timeout_s: float | None = 30
    ) -> list[grpc.Future]:
        """Makes calls that stay, and returns them once they count as in flight."""
        # A call that nobody holds is cancelled by its library.
        target = self.admission.in_flight + calls
        made = [
            self.client.recommendations.Recommend.future(REQUEST, timeout=timeout_s, metadata=metadata)
            for _ in range(calls)
        ]
        self.made += made
        tick = threading.Event()
        for _ in range(10_000):
            if self.admission.in_flight >= target or tick.wait(0.001):
                return made
        raise AssertionError("the calls never arrived")


@contextmanager
def serving() -> Iterator[Full]:
    let_go = threading.Event()
    use_cases = RecordingUseCases(before=lambda: let_go.wait(30))
    server = build_server(
        PublicUseCases(use_cases, use_cases, use_cases, use_cases),
        ServerOptions(threads=2, read_threads=2, admission=VALUES, retry_after_ms=(70, 700)),
    )
    server.start()
    server.open()
    client = RpcClient(server.port)
    try:
        yield Full(server.admission, client, use_cases, let_go)
    finally:
        let_go.set()
        client.close()
        server.drain(5)


@pytest.fixture
def full() -> Iterator[Full]:
    with serving() as made:
        yield made


def test_calls_above_the_limit_are_refused_with_reason_and_delay_while_all_threads_are_busy(
    full: Full,
) -> None:
    running = full.occupy(4)
    refusal = refusal_of(full.client.recommendations.Recommend, REQUEST, timeout=5)
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (refusal.info.reason, refusal.info.domain) == ("OVERLOADED", "shortlist")
    retry = refusal.detail(RetryInfo)
    assert retry is not None
    assert retry.retry_delay.ToMilliseconds() == 70
    full.let_go.set()
    assert [call.result().recommendation_id for call in running] == ["r1"] * 4
    assert len(full.use_cases.calls) == 4


def test_prefetch_is_refused_while_interactive_calls_are_taken(full: Full) -> None:
    full.occupy(2, PREFETCH)
    refusal = refusal_of(full.client.recommendations.Recommend, REQUEST, timeout=5, metadata=PREFETCH)
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    retry = refusal.detail(RetryInfo)
    assert retry is not None
    assert retry.retry_delay.ToMilliseconds() == 700
    taken = full.occupy(2, INTERACTIVE)
    full.let_go.set()
    assert [call.result().recommendation_id for call in taken] == ["r1"] * 2
    assert full.admission.admitted == [2, 2]
    assert full.admission.refused == [0, 1]


def test_a_call_that_its_caller_gives_up_makes_room_again(full: Full) -> None:
    # Two run, two wait for a thread; those that wait are given up.
    running = full.occupy(2)
    waiting = full.occupy(2)
    for call in waiting:
        call.cancel()
    full.let_go.set()
    for call in running:
        call.result()
    tick = threading.Event()
    for _ in range(5_000):
        if full.admission.in_flight == 0 or tick.wait(0.001):
            break
    assert full.admission.in_flight == 0


def test_writes_are_held_to_the_limit_too(full: Full) -> None:
    full.occupy(4)
    refusal = refusal_of(full.client.events.WriteEvents, event_pb.WriteEventsRequest(), timeout=5)
    assert refusal.info.reason == "OVERLOADED"


def test_a_refused_call_is_not_even_decoded(full: Full) -> None:
    full.occupy(4)
    call = full.client.channel.unary_unary("/shortlist.v1.RecommendationService/Recommend")
    refusal = refusal_of(call, b"\xff" * 100_000, timeout=5)
    assert refusal.info.reason == "OVERLOADED"


def test_unknown_methods_are_unimplemented_even_when_full(full: Full) -> None:
    full.occupy(4)
    call = full.client.channel.unary_unary("/shortlist.v1.RecommendationService/Predict")
    assert refusal_of(call, b"", timeout=5).code is grpc.StatusCode.UNIMPLEMENTED


def test_health_is_answered_however_full_the_server_is() -> None:
    with serving() as full:
        full.occupy(4)
        stub = health_pb2_grpc.HealthStub(full.client.channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(service=""), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_time_spent_waiting_counts_against_the_servers_own_deadline(full: Full) -> None:
    full.occupy(2)
    (waiting,) = full.occupy(1, timeout_s=None)
    arrived_before_s = time.monotonic()
    full.let_go.set()
    waiting.result()
    (command,) = full.use_cases.calls[-1][1]
    assert command.deadline_s <= arrived_before_s + 0.08
