"""RecommendationService's messages. An enum has the same numbers on both sides; a test holds that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shortlist.v1 import recommendation_service_pb2 as pb

from ext import encode_items, read_plain_request
from server.features.event_types import DeviceType, EventType, PageType
from server.handlers.messages import (
    ID_BYTES_MAX,
    NUM_ITEMS_DEFAULT,
    NUM_ITEMS_MAX,
    RankCommand,
    RecommendCommand,
    RecommendReply,
    RequestContext,
    SessionEvent,
    StageReport,
)
from server.handlers.reply_items import ReplyItems, columns_of
from server.rpc.local_time import parse_local_time

AnyResponse = pb.RecommendResponse | pb.RecommendSimilarResponse | pb.RankItemsResponse

_NO_CONTEXT = RequestContext()
_PAGES = {int(page): page or PageType.HOME for page in PageType}


class PlainRequest(NamedTuple):
    """A RecommendRequest that names a user, a page and a number of items, and nothing else; checked."""

    user_id: str
    page_type: PageType
    num_items: int


def decode_recommend(raw: bytes) -> pb.RecommendRequest | PlainRequest:
    """Returns the message, or its values where it is a plain one. Raises DecodeError."""
    plain = read_plain_request(raw, ID_BYTES_MAX)
    if plain is not None and (page_type := _PAGES.get(plain[1])) is not None:
        return PlainRequest(plain[0], page_type, num_items_wanted(plain[2]))
    return pb.RecommendRequest.FromString(raw)


def plain_command(request: PlainRequest, deadline_s: float) -> RecommendCommand:
    """Returns what a plain request asks for."""
    return RecommendCommand(
        user_id=request.user_id,
        page_type=request.page_type,
        num_items=request.num_items,
        context=_NO_CONTEXT,
        deadline_s=deadline_s,
    )


def recommend_command(request: pb.RecommendRequest, deadline_s: float) -> RecommendCommand:
    """Returns what the request asks for, with defaults filled in."""
    return RecommendCommand(
        user_id=request.user_id,
        session_id=request.session_id,
        session_events=_session_events(request.session_events),
        page_type=PageType(request.page_type or PageType.HOME),
        scenario=request.scenario,
        context_item_ids=tuple(request.context_item_ids),
        num_items=num_items_wanted(request.num_items),
        excluded_item_ids=tuple(request.excluded_item_ids),
        category_ids=tuple(request.category_ids),
        context=_context(request.context) if request.HasField("context") else _NO_CONTEXT,
        explain=request.explain,
        deadline_s=deadline_s,
    )


def similar_command(request: pb.RecommendSimilarRequest, deadline_s: float) -> RecommendCommand:
    """Returns the request without its item_id, which the use case takes by itself."""
    return RecommendCommand(
        user_id=request.user_id,
        session_id=request.session_id,
        session_events=_session_events(request.session_events),
        page_type=PageType(request.page_type or PageType.ITEM_DETAIL),
        scenario=request.scenario,
        num_items=num_items_wanted(request.num_items),
        excluded_item_ids=tuple(request.excluded_item_ids),
        category_ids=tuple(request.category_ids),
        context=_context(request.context) if request.HasField("context") else _NO_CONTEXT,
        explain=request.explain,
        deadline_s=deadline_s,
    )


def rank_command(request: pb.RankItemsRequest, deadline_s: float) -> RankCommand:
    """Returns what the request asks for."""
    return RankCommand(
        item_ids=tuple(request.item_ids),
        user_id=request.user_id,
        session_id=request.session_id,
        session_events=_session_events(request.session_events),
        page_type=PageType(request.page_type or PageType.HOME),
        context=_context(request.context) if request.HasField("context") else _NO_CONTEXT,
        explain=request.explain,
        deadline_s=deadline_s,
    )


def num_items_wanted(num_items: int) -> int:
    """Returns the number of items that the contract gives for the field's value."""
    return min(num_items or NUM_ITEMS_DEFAULT, NUM_ITEMS_MAX)


def recommend_response(reply: RecommendReply) -> bytes:
    """Returns the encoded reply as Recommend and BatchRecommend answer it."""
    return _encoded(
        pb.RecommendResponse(short_reason=reply.short_reason, missing_item_ids=reply.missing_item_ids), reply
    )


def similar_response(reply: RecommendReply) -> bytes:
    """Returns the encoded reply as RecommendSimilar answers it."""
    return _encoded(pb.RecommendSimilarResponse(short_reason=reply.short_reason), reply)


def rank_response(reply: RecommendReply) -> bytes:
    """Returns the encoded reply as RankItems answers it."""
    return _encoded(pb.RankItemsResponse(missing_item_ids=reply.missing_item_ids), reply)


def batch_response(replies: Sequence[RecommendReply]) -> pb.BatchRecommendResponse:
    """Returns the replies in their order."""
    responses = [pb.RecommendResponse.FromString(recommend_response(reply)) for reply in replies]
    return pb.BatchRecommendResponse(responses=responses)


def _session_events(events: Sequence[pb.SessionEvent]) -> tuple[SessionEvent, ...]:
    return tuple(
        SessionEvent(event.item_id, EventType(event.event_type), event.event_time.seconds) for event in events
    )


def _context(context: pb.RequestContext) -> RequestContext:
    local_time = parse_local_time(context.local_time)
    return RequestContext(
        device_type=DeviceType(context.device_type),
        platform=context.platform,
        local_hour=local_time.hour if local_time else None,
        local_weekday=local_time.weekday() if local_time else None,
    )


def _encoded(response: AnyResponse, reply: RecommendReply) -> bytes:
    """Returns the response with the reply's values. The items are encoded without a message for each: protobuf
    lets a repeated field follow the others wherever it stands."""
    response.recommendation_id = reply.recommendation_id
    response.served_by = pb.ServedBy.ValueType(reply.served_by)
    if reply.degraded_reasons:
        response.degraded = True
        response.degraded_reasons.extend(pb.DegradedReason.ValueType(why) for why in reply.degraded_reasons)
    response.model_version = reply.model_version
    response.release_version = reply.release_version
    response.scenario = reply.scenario
    response.latency_ms = reply.latency_ms
    if reply.stages:
        response.stages.extend(_stage(stage) for stage in reply.stages)
    items = columns_of(reply.items)
    encoded = encode_items(
        items.item_ids,
        items.scores,
        items.source_bits,
        items.reason_kinds,
        items.related_item_ids,
        items.category_ids,
    )
    if items.explained:
        return _with_explanations(response, encoded, items)
    return response.SerializeToString() + encoded


def _with_explanations(response: AnyResponse, encoded: bytes, items: ReplyItems) -> bytes:
    response.MergeFromString(encoded)
    for target, source_scores, features in zip(
        response.items, items.source_scores, items.features, strict=False
    ):
        target.explanation.source_scores.update(source_scores)
        target.explanation.features.update(features)
    return response.SerializeToString()


def _stage(stage: StageReport) -> pb.StageReport:
    return pb.StageReport(
        stage=stage.stage,
        kind=stage.kind,
        duration_us=stage.duration_us,
        input_count=stage.candidates_in,
        output_count=stage.candidates_out,
        error=stage.error,
    )
