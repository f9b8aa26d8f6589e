"""Traces of a real server's requests, as a collector gets them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.event_types_pb2 import PageType
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from tests.support.otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import build_small_release
from tests.support.waiting import wait_until

ROOT = "shortlist.v1.RecommendationService/Recommend"
SERVER_KIND = 2
CALLER_TRACE, CALLER_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@dataclass
class Traced:
    """A server that sends its traces to a receiver of the test's own."""

    receiver: OtlpReceiver
    server: ServerProcess
    stub: RecommendationServiceStub

    def recommend(self, *metadata: tuple[str, str], **fields: object) -> tuple[pb.RecommendResponse, str]:
        """Returns the reply and the trace's id, which is empty where the trace is not kept."""
        request = pb.RecommendRequest(**({"user_id": "u-1", "num_items": 10} | fields))  # type: ignore[arg-type]
        reply, call = self.stub.Recommend.with_call(request, metadata=metadata, timeout=20)
        return reply, dict(call.trailing_metadata()).get("trace_id", "")


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    data_dir = tmp_path_factory.mktemp("traced")
    build_small_release(data_dir / "releases", items=300, categories=4, version="r1")
    with (
        otlp_receiver() as receiver,
        running_server(
            data_dir,
            workers=1,
            BUDGET__DEADLINE_MS=10_000,
            BUDGET__RESERVE_MS=5_000,
            LOGS__FORMAT="json",
            TELEMETRY__TRACES_URL=receiver.url,
            TELEMETRY__TRACES_HEAD_RATIO=0,
            TELEMETRY__TRACES_SLOW_MS=10_000,
            TELEMETRY__TRACES_RATE_MAX=10_000,
        ) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        yield Traced(receiver, server, RecommendationServiceStub(channel))


def by_caller(sampled: bool) -> tuple[str, str]:
    return "traceparent", f"00-{CALLER_TRACE}-{CALLER_SPAN}-{'01' if sampled else '00'}"


def own_trace(number: int) -> tuple[str, str]:
    """A sampled caller whose trace id is the number."""
    return "traceparent", f"00-{number or 1 << 64:032x}-{CALLER_SPAN}-01"


def only(spans: list[ReceivedSpan], name: str) -> ReceivedSpan:
    (found,) = [span for span in spans if span.name == name]
    return found


def test_sampled_callers_trace_is_found_by_the_id_in_the_trailing_metadata(traced: Traced) -> None:
    reply, trace_id = traced.recommend(
        by_caller(sampled=True), context_item_ids=["item-0001"], page_type=PageType.PAGE_TYPE_ITEM_DETAIL
    )
    assert trace_id == CALLER_TRACE
    spans = traced.receiver.await_trace(trace_id)
    root = only(spans, ROOT)
    assert (root.parent, root.kind) == (CALLER_SPAN, SERVER_KIND)
    assert root.attributes["rpc.status_code"] == "OK"
    assert root.attributes["shortlist.index.version"] == reply.release_version == "r1"
    assert root.attributes["shortlist.model.version"] == reply.model_version
    assert root.attributes["shortlist.served_by"] == pb.ServedBy.Name(reply.served_by).removeprefix(
        "SERVED_BY_"
    )
    for name in ("shortlist.features", "shortlist.retrieve", "shortlist.rank", "shortlist.postrank"):
        assert only(spans, name).parent == root.span_id


def test_every_kept_request_has_its_root_and_one_span_a_stage_as_long_as_its_stamps(traced: Traced) -> None:
    kept = {}
    for number in range(60):
        user = {"user_id": f"u-{number}", "context_item_ids": [f"item-{number:04d}"], "explain": True}
        reply, trace_id = traced.recommend(own_trace(number), page_type=PageType.PAGE_TYPE_CART, **user)
        kept[trace_id] = reply
    assert len(kept) == 60
    for trace_id, reply in kept.items():
        spans = traced.receiver.await_trace(trace_id)
        root = only(spans, ROOT)
        groups = {span.span_id for span in spans if span.parent == root.span_id}
        stages = [span for span in spans if span.parent in groups]
        assert 1 + len(groups) + len(stages) == len(spans)
        assert [span.name for span in stages] == [stage.stage for stage in reply.stages]
        for span, stage in zip(stages, reply.stages, strict=True):
            assert (span.ended_ns - span.started_ns) / 1e3 == pytest.approx(stage.duration_us, abs=200)
            assert root.started_ns <= span.started_ns <= span.ended_ns <= root.ended_ns


def test_call_that_its_caller_does_not_sample_leaves_no_trace(traced: Traced) -> None:
    _, trace_id = traced.recommend(by_caller(sampled=False))
    assert trace_id == ""


def test_error_is_kept_even_where_its_caller_does_not_sample(traced: Traced) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        traced.recommend(("traceparent", f"00-{'e' * 32}-{CALLER_SPAN}-00"), num_items=-1)
    trailers = dict(caught.value.trailing_metadata() or ())  # type: ignore[attr-defined]
    assert trailers["trace_id"] == "e" * 32
    assert "grpc-status-details-bin" in trailers
    (root,) = traced.receiver.await_trace("e" * 32)
    assert root.attributes["rpc.status_code"] == "INVALID_ARGUMENT"
    assert root.attributes["shortlist.trace.kept_for"] == "error"


def test_degraded_answer_is_kept_and_says_why(traced: Traced) -> None:
    request = pb.RecommendRequest(user_id="u-1", num_items=10)
    # Less than the reserve: no time to work, and all the time in the world to answer.
    reply, call = traced.stub.Recommend.with_call(request, timeout=4)
    assert reply.degraded_reasons
    spans = traced.receiver.await_trace(dict(call.trailing_metadata())["trace_id"])
    root = only(spans, ROOT)
    assert only(spans, "shortlist.fallback").parent == root.span_id
    assert root.attributes["shortlist.degraded.reason"] == ["DEADLINE"]
    assert root.attributes["shortlist.trace.kept_for"] == "degraded"


def test_nothing_of_a_user_is_in_spans_logs_labels_or_error_details(traced: Traced) -> None:
    canaries = ("canary-user-71@example.com", "canary-session-72", "canary-token-73", "canary-agent-74")
    user, session, token, agent = canaries
    metadata = (("authorization", f"Bearer {token}"), ("x-agent", agent), own_trace(7_000))
    ids: dict[str, object] = {"user_id": user, "session_id": session}
    traced.recommend(*metadata, **ids)
    told = []
    for wrong in ({"num_items": -1}, {"scenario": user}, {"excluded_item_ids": [""]}, {"user_id": user * 50}):
        with pytest.raises(grpc.RpcError) as caught:
            traced.recommend(*metadata, **(ids | wrong))
        error = caught.value
        told.append(f"{error.details()} {error.trailing_metadata()}")  # type: ignore[attr-defined]
    spans = traced.receiver.await_trace(f"{7_000:032x}")
    assert len(spans) > 5
    written = {
        "spans": repr(traced.receiver.spans()),
        "logs": "".join(traced.server.output),
        "metrics": repr(traced.server.metrics()),
        "errors": "".join(told),
    }
    hits = [(where, canary) for where, text in written.items() for canary in canaries if canary in text]
    assert hits == []
    assert "db.query.text" not in written["spans"]


def test_collector_that_fails_costs_traces_and_no_request(traced: Traced) -> None:
    dropped = 'shortlist_telemetry_dropped_total{what="traces_unsent"}'
    before = traced.server.metrics()[dropped]
    traced.receiver.answer = 400
    try:
        for number in range(20):
            reply, trace_id = traced.recommend(own_trace(8_000 + number))
            assert len(reply.items) == 10
            assert trace_id
        wait_until(lambda: traced.server.metrics()[dropped] - before >= 20)
    finally:
        traced.receiver.answer = 200
    _, trace_id = traced.recommend(own_trace(9_000))
    assert traced.receiver.await_trace(trace_id)
    complaints = [line for line in traced.server.output if "collector takes nothing" in line]
    assert len(complaints) == 1
