"""Checks of RecommendationService's requests. latest_s: the latest event time taken, in epoch seconds."""

from __future__ import annotations

from collections.abc import Sequence

from shortlist.v1 import recommendation_service_pb2 as pb

from server.features.event_types import DeviceType, EventType, PageType
from server.handlers.messages import (
    BATCH_USERS_MAX,
    CATEGORIES_MAX,
    CONTEXT_ITEMS_MAX,
    EXCLUDED_ITEMS_MAX,
    RANK_ITEMS_MAX,
    SESSION_EVENTS_MAX,
)
from server.rpc.local_time import parse_local_time
from server.rpc.validation.field_checks import (
    Violations,
    check_count,
    check_distinct,
    check_enum,
    check_id,
    check_ids,
    check_past_time,
    check_required_enum,
    check_required_ids,
    check_someone,
    check_text,
)

ListRequest = pb.RecommendRequest | pb.RecommendSimilarRequest
AnyRequest = pb.RecommendRequest | pb.RecommendSimilarRequest | pb.RankItemsRequest


def check_recommend(
    violations: Violations, request: pb.RecommendRequest, latest_s: float, prefix: str
) -> None:
    """Adds what is wrong with one request; prefix is empty, or its path in a batch with a final dot."""
    check_someone(violations, prefix, request.user_id, request.session_id)
    _check_common(violations, request, latest_s, prefix)
    check_ids(violations, f"{prefix}context_item_ids", request.context_item_ids, CONTEXT_ITEMS_MAX)
    _check_list(violations, request, prefix)


def check_similar(violations: Violations, request: pb.RecommendSimilarRequest, latest_s: float) -> None:
    """Adds what is wrong with the request."""
    check_id(violations, "item_id", request.item_id)
    check_text(violations, "user_id", request.user_id)
    check_text(violations, "session_id", request.session_id)
    _check_common(violations, request, latest_s, "")
    _check_list(violations, request, "")


def check_rank(violations: Violations, request: pb.RankItemsRequest, latest_s: float) -> None:
    """Adds what is wrong with the request."""
    check_required_ids(violations, "item_ids", request.item_ids, RANK_ITEMS_MAX)
    if len(request.item_ids) <= RANK_ITEMS_MAX:
        check_distinct(violations, "item_ids", request.item_ids)
    check_someone(violations, "", request.user_id, request.session_id)
    _check_common(violations, request, latest_s, "")


def check_batch(violations: Violations, request: pb.BatchRecommendRequest, latest_s: float) -> None:
    """Adds what is wrong with any of the requests."""
    if not request.requests:
        violations.add("requests", "FIELD_MISSING", "needs at least one element")
    if check_count(violations, "requests", len(request.requests), BATCH_USERS_MAX):
        for index, one in enumerate(request.requests):
            check_recommend(violations, one, latest_s, f"requests[{index}].")


def _check_common(violations: Violations, request: AnyRequest, latest_s: float, prefix: str) -> None:
    check_enum(violations, f"{prefix}page_type", request.page_type, PageType)
    if request.session_events:
        _check_session_events(violations, request.session_events, latest_s, f"{prefix}session_events")
    if request.HasField("context"):
        _check_context(violations, request.context, f"{prefix}context")


def _check_list(violations: Violations, request: ListRequest, prefix: str) -> None:
    check_text(violations, f"{prefix}scenario", request.scenario)
    check_ids(violations, f"{prefix}excluded_item_ids", request.excluded_item_ids, EXCLUDED_ITEMS_MAX)
    check_ids(violations, f"{prefix}category_ids", request.category_ids, CATEGORIES_MAX)
    if request.num_items < 0:
        violations.add(f"{prefix}num_items", "FIELD_OUT_OF_RANGE", "is negative")


def _check_session_events(
    violations: Violations, events: Sequence[pb.SessionEvent], latest_s: float, field: str
) -> None:
    if not check_count(violations, field, len(events), SESSION_EVENTS_MAX):
        return
    for index, event in enumerate(events):
        path = f"{field}[{index}]"
        check_id(violations, f"{path}.item_id", event.item_id)
        check_required_enum(violations, f"{path}.event_type", event.event_type, EventType)
        if event.HasField("event_time"):
            check_past_time(violations, f"{path}.event_time", event.event_time, latest_s)
        else:
            violations.add(f"{path}.event_time", "FIELD_MISSING", "is required")


def _check_context(violations: Violations, context: pb.RequestContext, field: str) -> None:
    check_enum(violations, f"{field}.device_type", context.device_type, DeviceType)
    check_text(violations, f"{field}.platform", context.platform)
    if context.local_time and parse_local_time(context.local_time) is None:
        violations.add(
            f"{field}.local_time", "FIELD_MALFORMED", "is not a time such as 2026-11-22T18:30:00 without zone"
        )
