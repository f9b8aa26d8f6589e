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
from tests.support.server_process import running_server
from tests.support.small_release import build_small_release

SERVER_KIND, CLIENT_KIND = 2, 3
CALLER_TRACE, CALLER_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@dataclass
class Traced:
    """A server that sends its traces to a receiver of the test's own."""

    receiver: OtlpReceiver
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
            TELEMETRY__TRACES_URL=receiver.url,
            TELEMETRY__TRACES_HEAD_RATIO=0,
            TELEMETRY__TRACES_SLOW_MS=10_000,
            TELEMETRY__TRACES_RATE_MAX=10_000,
        ) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        yield Traced(receiver, RecommendationServiceStub(channel))


def by_caller(sampled: bool) -> tuple[str, str]:
    return "traceparent", f"00-{CALLER_TRACE}-{CALLER_SPAN}-{'01' if sampled else '00'}"


def only(spans: list[ReceivedSpan], name: str) -> ReceivedSpan:
    (found,) = [span for span in spans if span.name == name]
    return found


def test_sampled_callers_trace_is_found_by_the_id_in_the_trailing_metadata(traced: Traced) -> None:
    reply, trace_id = traced.recommend(
        by_caller(sampled=True), context_item_ids=["item-0001"], page_type=PageType.PAGE_TYPE_ITEM_DETAIL
    )
    assert trace_id == CALLER_TRACE
    spans = traced.receiver.await_trace(trace_id)
    root = only(spans, "shortlist.v1.RecommendationService/Recommend")
    assert (root.parent, root.kind) == (CALLER_SPAN, SERVER_KIND)
    assert root.attributes["rpc.status_code"] == "OK"
    assert root.attributes["shortlist.index.version"] == reply.release_version == "r1"
    assert root.attributes["shortlist.model.version"] == reply.model_version
    assert root.attributes["shortlist.served_by"] == pb.ServedBy.Name(reply.served_by).removeprefix(
        "SERVED_BY_"
    )
    for name in ("shortlist.features", "shortlist.retrieve", "shortlist.rank", "shortlist.postrank"):
        assert only(spans, name).parent == root.span_id
