"""A trace in the real Jaeger v2, found by the id that came back with the reply."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import grpc
import pytest
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.event_types_pb2 import PageType
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from tests.support.jaeger import BUILD_VARIABLE, jaeger_binary, running_jaeger
from tests.support.server_process import running_server
from tests.support.small_release import build_small_release

ROOT = "shortlist.v1.RecommendationService/Recommend"


def parent_of(span: dict[str, Any]) -> str:
    return next((r["spanID"] for r in span["references"] if r["refType"] == "CHILD_OF"), "")


def test_the_complete_tree_is_found_by_the_id_in_the_trailing_metadata(tmp_path: Path) -> None:
    binary = jaeger_binary()
    if binary is None:
        pytest.skip(f"no Jaeger here: tools/install_jaeger.sh builds it, and so does {BUILD_VARIABLE}=1")
    build_small_release(tmp_path / "releases", items=300, categories=4, version="r1")
    request = pb.RecommendRequest(
        user_id="u-1",
        num_items=10,
        page_type=PageType.PAGE_TYPE_ITEM_DETAIL,
        context_item_ids=["item-0001"],
        explain=True,
    )
    with (
        running_jaeger(binary) as jaeger,
        running_server(
            tmp_path,
            BUDGET__DEADLINE_MS=10_000,
            TELEMETRY__TRACES_URL=jaeger.traces_url,
            TELEMETRY__TRACES_HEAD_RATIO=1,
        ) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        reply, call = RecommendationServiceStub(channel).Recommend.with_call(request, timeout=20)
        trace = jaeger.trace(dict(call.trailing_metadata())["trace_id"])

    spans = {span["spanID"]: span for span in trace["spans"]}
    children = defaultdict(list)
    for span in trace["spans"]:
        children[parent_of(span)].append(span["operationName"])
    (root,) = (span for span in trace["spans"] if span["operationName"] == ROOT)
    assert children[""] == [ROOT]
    assert set(children[root["spanID"]]) == {
        "shortlist.features",
        "shortlist.retrieve",
        "shortlist.rank",
        "shortlist.postrank",
    }
    stages = [
        name for parent, names in children.items() if parent and spans[parent] is not root for name in names
    ]
    assert sorted(stages) == sorted(stage.stage for stage in reply.stages)
    tags = {tag["key"]: tag["value"] for tag in root["tags"]}
    assert tags["rpc.status_code"] == "OK"
    assert tags["shortlist.index.version"] == reply.release_version
