from __future__ import annotations

from dataclasses import replace

import pytest
from shortlist.v1 import recommendation_service_pb2 as pb

from server.handlers.messages import (
    DegradedReason,
    Reason,
    ReasonKind,
    RecommendedItem,
    RecommendReply,
    ServedBy,
    SourceKind,
    StageReport,
)
from server.rpc.conversions.recommendations import (
    batch_response,
    rank_response,
    recommend_response,
    similar_response,
)
from tests.support.recording_use_cases import EMPTY_REPLY, RecordingUseCases
from tests.support.rpc_client import RpcClient

FULL = RecommendReply(
    recommendation_id="r",
    items=(
        RecommendedItem(
            "a",
            0.75,
            0,
            (SourceKind.COLLABORATIVE, SourceKind.FRESH),
            Reason(ReasonKind.SIMILAR_TO_HISTORY, related_item_id="b"),
            {"collaborative": 1.0},
            {"price_in_range": 0.5},
        ),
        RecommendedItem(
            "c", 0.5, 1, (SourceKind.POPULARITY,), Reason(ReasonKind.POPULAR_IN_CATEGORY, category_id="k")
        ),
        RecommendedItem("d", 0.0, 2, (), None),
    ),
    served_by=ServedBy.RETRIEVAL_SCORES,
    release_version="v",
    model_version="m",
    scenario="HOME",
    degraded_reasons=(DegradedReason.SCORER_UNAVAILABLE, DegradedReason.DEADLINE),
    missing_item_ids=("x",),
    short_reason="CATEGORY_EXHAUSTED",
    latency_ms=1.25,
    stages=(StageReport("CollaborativeSource", "source", 12.5, 0, 100, "LATE"),),
)

EXPECTED = pb.RecommendResponse(
    recommendation_id="r",
    items=[
        pb.RecommendedItem(
            item_id="a",
            score=0.75,
            position=0,
            sources=[pb.SOURCE_KIND_COLLABORATIVE, pb.SOURCE_KIND_FRESH],
            reason=pb.Reason(kind=pb.REASON_KIND_SIMILAR_TO_HISTORY, related_item_id="b"),
            explanation=pb.Explanation(
                source_scores={"collaborative": 1.0}, features={"price_in_range": 0.5}
            ),
        ),
        pb.RecommendedItem(
            item_id="c",
            score=0.5,
            position=1,
            sources=[pb.SOURCE_KIND_POPULARITY],
            reason=pb.Reason(kind=pb.REASON_KIND_POPULAR_IN_CATEGORY, category_id="k"),
        ),
        pb.RecommendedItem(item_id="d", position=2),
    ],
    served_by=pb.SERVED_BY_RETRIEVAL_SCORES,
    degraded=True,
    degraded_reasons=[pb.DEGRADED_REASON_SCORER_UNAVAILABLE, pb.DEGRADED_REASON_DEADLINE],
    short_reason="CATEGORY_EXHAUSTED",
    missing_item_ids=["x"],
    model_version="m",
    release_version="v",
    scenario="HOME",
    latency_ms=1.25,
    stages=[
        pb.StageReport(
            stage="CollaborativeSource", kind="source", duration_us=12.5, output_count=100, error="LATE"
        )
    ],
)


def test_a_reply_is_answered_whole() -> None:
    assert pb.RecommendResponse.FromString(recommend_response(FULL)) == EXPECTED


def test_a_complete_reply_is_not_degraded() -> None:
    encoded = recommend_response(replace(FULL, degraded_reasons=()))
    assert not pb.RecommendResponse.FromString(encoded).degraded


@pytest.mark.parametrize("convert", [similar_response, rank_response], ids=["similar", "rank"])
def test_the_three_answers_agree_in_field_numbers(
    convert: object,
) -> None:
    # Read as one another, they differ only in what one of them has no use for.
    other = pb.RecommendResponse.FromString(convert(FULL))  # type: ignore[operator]
    expected = pb.RecommendResponse()
    expected.CopyFrom(EXPECTED)
    expected.ClearField("missing_item_ids" if convert is similar_response else "short_reason")
    assert other == expected


def test_a_batch_is_answered_in_order() -> None:
    answer = batch_response([FULL, EMPTY_REPLY])
    assert [response.recommendation_id for response in answer.responses] == ["r", "r1"]


def test_a_reply_arrives_over_the_network(client: RpcClient, use_cases: RecordingUseCases) -> None:
    use_cases.reply = FULL
    assert client.recommendations.Recommend(pb.RecommendRequest(user_id="u")) == EXPECTED
