"""A server whose Redis and whose Triton are slow or fail now and then: it answers in time, and says what is missing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import grpc
import pytest
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from server.cli.client import recommend_request
from server.releases.mapped_release import MappedRelease
from tests.support.otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver
from tests.support.redis_server import RedisServer, free_ports
from tests.support.server_process import running_server
from tests.support.small_release import build_small_release
from tests.support.toxic_proxy import ToxicProxy
from tests.support.triton_server import publish, triton_server
from tests.support.waiting import wait_until

ROOT = "shortlist.v1.RecommendationService/Recommend"
INFERENCE = "inference.GRPCInferenceService/ModelInfer"
TRITON_MS = 150
RESERVE_S = 4.0
LIST = 20
SCORES_BYTES_MIN = 1_000
WITHOUT_RECORD = {pb.DEGRADED_REASON_FEATURES_MISSING, pb.DEGRADED_REASON_DEADLINE}


@dataclass
class Shop:
    """A server of one worker behind links to Redis and Triton, with all its traces."""

    stub: RecommendationServiceStub
    redis_link: ToxicProxy
    triton_link: ToxicProxy
    receiver: OtlpReceiver
    _users: Iterator[int] = field(default_factory=itertools.count)

    def ask(self, timeout_s: float | None = 20) -> tuple[pb.RecommendResponse, str]:
        """Returns the answer for a user that nobody has asked for yet, and the trace's id. Fails where it comes late."""
        # One who has looked at something: a user of whom nothing is known is not worth a model.
        seen = ["item-0003", "item-0005", "item-0008"]
        request = recommend_request(
            user_id=f"user-{next(self._users)}", num_items=LIST, session_item_ids=seen
        )
        reply, call = self.stub.Recommend.with_call(request, timeout=timeout_s)
        return reply, dict(call.trailing_metadata())["trace_id"]

    def ask_until(self, wanted: Callable[[pb.RecommendResponse], bool]) -> None:
        """Returns when an answer is as wanted."""
        wait_until(lambda: wanted(self.ask()[0]))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data_dir = tmp_path_factory.mktemp("shop")
    small = build_small_release(data_dir / "releases", items=300, categories=4)
    redis = RedisServer(tmp_path_factory.mktemp("redis"), free_ports(1)[0])
    try:
        redis.start()
        with (
            triton_server(data_dir) as triton,
            ToxicProxy(("127.0.0.1", redis.port)) as redis_link,
            ToxicProxy(("127.0.0.1", triton.port)) as triton_link,
            otlp_receiver() as receiver,
        ):
            publish(MappedRelease.open(small.path), triton.repository)
            settings = {
                "STORE__URL": f"redis://127.0.0.1:{redis_link.port}/0",
                "MODEL_SERVER__URL": f"triton://127.0.0.1:{triton_link.port}",
                "MODEL_SERVER__TIMEOUT_MS": TRITON_MS,
                "MODEL_SERVER__CHECK_INTERVAL_MS": 100,
                # What an answer holds is looked at, on machines of any speed; the times are those of `make test-faults`.
                "BUDGET__DEADLINE_MS": 10_000,
                "BUDGET__RESERVE_MS": RESERVE_S * 1e3,
                "REDIS__READ_MS": 500,
                # Calls that wait for Triton so long would be taken for an overload, and given fewer candidates.
                "ADMISSION__QUALITY_LATENCY_MS": 10_000,
                "TELEMETRY__TRACES_URL": receiver.url,
                "TELEMETRY__TRACES_HEAD_RATIO": 1,
                "TELEMETRY__TRACES_RATE_MAX": 10_000,
            }
            with (
                running_server(data_dir, workers=1, **settings) as server,
                grpc.insecure_channel(server.address) as channel,
            ):
                yield Shop(RecommendationServiceStub(channel), redis_link, triton_link, receiver)
    finally:
        redis.kill()


def is_full(reply: pb.RecommendResponse) -> bool:
    return reply.served_by == pb.SERVED_BY_MODEL_SERVER and not reply.degraded


def only(spans: list[ReceivedSpan], name: str) -> ReceivedSpan:
    (found,) = [span for span in spans if span.name == name]
    return found


@pytest.mark.parametrize("timeout_s", [None, 20.0, RESERVE_S + 1, RESERVE_S + 0.2])
def test_a_redis_that_never_answers_costs_the_record_and_not_the_callers_deadline(
    shop: Shop, timeout_s: float | None
) -> None:
    shop.redis_link.set(blackhole=True)
    try:
        for _ in range(7):  # With the circuit closed, and open.
            reply, _ = shop.ask(timeout_s)
            assert len(reply.items) == LIST
            # Where a stalled machine has used up the time before the read, it is the time that is missing.
            assert WITHOUT_RECORD & set(reply.degraded_reasons)
    finally:
        shop.redis_link.set()
        shop.redis_link.reset_connections()
    shop.ask_until(lambda reply: not reply.degraded)


def test_a_caller_with_too_little_time_gets_what_is_popular_without_redis(shop: Shop) -> None:
    shop.redis_link.set(blackhole=True)
    try:
        reply, _ = shop.ask(RESERVE_S - 0.5)
    finally:
        shop.redis_link.set()
        shop.redis_link.reset_connections()
    assert len(reply.items) == LIST
    assert reply.served_by == pb.SERVED_BY_POPULARITY
    assert pb.DEGRADED_REASON_DEADLINE in reply.degraded_reasons
    shop.ask_until(lambda reply: not reply.degraded)


def test_an_answer_without_a_slow_triton_comes_in_time_and_its_trace_says_so(shop: Shop) -> None:
    shop.ask_until(is_full)
    shop.triton_link.set(up_latency_s=0.1, latency_s=0.1)
    try:
        # While the circuit is open nothing is sent: the trace of a request that waited is looked for.
        for _ in range(100):
            reply, trace_id = shop.ask()
            assert len(reply.items) == LIST
            assert reply.served_by == pb.SERVED_BY_LOCAL_MODEL
            assert list(reply.degraded_reasons) == [pb.DEGRADED_REASON_SCORER_UNAVAILABLE]
            spans = shop.receiver.await_trace(trace_id)
            if any(span.name == INFERENCE for span in spans):
                break
        else:
            raise AssertionError("no request ever waited for Triton")
    finally:
        shop.triton_link.set()
    root, inference = only(spans, ROOT), only(spans, INFERENCE)
    assert root.attributes["rpc.status_code"] == "OK"
    assert root.attributes["shortlist.degraded.reason"] == ["SCORER_UNAVAILABLE"]
    assert root.attributes["shortlist.served_by"] == "LOCAL_MODEL"
    assert inference.error
    scorer = only(spans, "ModelServerScorer")
    assert inference.parent == scorer.span_id
    assert scorer.error
    assert scorer.attributes["error.type"] == "ModelServerUnavailable"
    assert scorer.parent == only(spans, "shortlist.rank").span_id
    shop.ask_until(is_full)


def test_a_triton_that_breaks_one_answer_in_ten_is_still_asked(shop: Shop) -> None:
    shop.ask_until(is_full)
    shop.triton_link.set(reset_share=0.1, reset_bytes_min=SCORES_BYTES_MIN)
    try:
        replies = [shop.ask()[0] for _ in range(200)]
    finally:
        shop.triton_link.set()
    assert all(len(reply.items) == LIST for reply in replies)
    full = sum(is_full(reply) for reply in replies)
    assert 50 < full < 200, f"{full} of 200 answers were whole"
    shop.ask_until(is_full)
