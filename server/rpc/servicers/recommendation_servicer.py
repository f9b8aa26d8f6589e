"""RecommendationService."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

import grpc
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1 import recommendation_service_pb2_grpc as pb_grpc

from server.rpc.call_deadline import call_deadline
from server.rpc.conversions.recommendations import (
    PlainRequest,
    batch_response,
    plain_command,
    rank_command,
    rank_response,
    recommend_command,
    recommend_response,
    similar_command,
    similar_response,
)
from server.rpc.servicers.event_time_rule import EventTimeRule
from server.rpc.use_cases import RecommendUseCases
from server.rpc.validation.field_checks import Violations
from server.rpc.validation.recommendations import check_batch, check_rank, check_recommend, check_similar


class RecommendationServicer(pb_grpc.RecommendationServiceServicer):
    """Ranked lists. Replies leave here encoded, as bytes: RequestInterceptor lets them pass as they are."""

    def __init__(self, use_cases: RecommendUseCases, time_rule: EventTimeRule) -> None:
        self._use_cases = use_cases
        self._time_rule = time_rule

    def Recommend(  # type: ignore[override]
        self, request: pb.RecommendRequest | PlainRequest, context: grpc.ServicerContext
    ) -> bytes:
        """Returns the items to show to a user now."""
        if isinstance(request, PlainRequest):
            command = plain_command(request, call_deadline().deadline_s)
            return recommend_response(self._use_cases.recommend(command))
        violations = Violations()
        check_recommend(violations, request, self._time_rule.latest_s(), "")
        violations.raise_if_any()
        command = recommend_command(request, call_deadline().deadline_s)
        return recommend_response(self._use_cases.recommend(command))

    def RecommendSimilar(  # type: ignore[override]
        self, request: pb.RecommendSimilarRequest, context: grpc.ServicerContext
    ) -> bytes:
        """Returns items like one item."""
        violations = Violations()
        check_similar(violations, request, self._time_rule.latest_s())
        violations.raise_if_any()
        command = similar_command(request, call_deadline().deadline_s)
        return similar_response(self._use_cases.similar(request.item_id, command))

    def RankItems(  # type: ignore[override]
        self, request: pb.RankItemsRequest, context: grpc.ServicerContext
    ) -> bytes:
        """Returns the caller's own items in order."""
        violations = Violations()
        check_rank(violations, request, self._time_rule.latest_s())
        violations.raise_if_any()
        return rank_response(self._use_cases.rank(rank_command(request, call_deadline().deadline_s)))

    def BatchRecommend(
        self, request: pb.BatchRecommendRequest, context: grpc.ServicerContext
    ) -> pb.BatchRecommendResponse:
        """Returns a list for each of many users."""
        violations = Violations()
        check_batch(violations, request, self._time_rule.latest_s())
        violations.raise_if_any()
        deadline = call_deadline()
        commands = [
            recommend_command(one, deadline.of_batch_element(index))
            for index, one in enumerate(request.requests)
        ]
        return batch_response(self._use_cases.batch(commands))
