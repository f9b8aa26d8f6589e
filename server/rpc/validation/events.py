"""Checks of EventService's requests. latest_s: the latest event time taken, in epoch seconds."""

from __future__ import annotations

from shortlist.v1 import event_service_pb2 as pb
from shortlist.v1.event_types_pb2 import EVENT_TYPE_RATING

from server.features.event_types import DeviceType, EventType, PageType
from server.handlers.messages import EVENTS_BATCH_MAX, RANK_ITEMS_MAX
from server.rpc.validation.field_checks import (
    PRICE_MAX,
    Violations,
    check_count,
    check_enum,
    check_id,
    check_number,
    check_past_time,
    check_required_enum,
    check_someone,
    check_text,
)

RATING_MAX = 5.0
DWELL_TIME_MS_MAX = 86_400_000
QUANTITY_MAX = 1e6
POSITION_MAX = 2**31 - 1


def check_write_events(violations: Violations, request: pb.WriteEventsRequest, latest_s: float) -> None:
    """Adds what is wrong with any of the events."""
    if not request.events:
        violations.add("events", "FIELD_MISSING", "needs at least one element")
    if check_count(violations, "events", len(request.events), EVENTS_BATCH_MAX):
        for index, event in enumerate(request.events):
            _check_event(violations, event, latest_s, f"events[{index}].")


def check_write_impressions(
    violations: Violations, request: pb.WriteImpressionsRequest, latest_s: float
) -> None:
    """Adds what is wrong with the request."""
    check_id(violations, "recommendation_id", request.recommendation_id)
    if not request.positions:
        violations.add("positions", "FIELD_MISSING", "needs at least one element")
    if check_count(violations, "positions", len(request.positions), RANK_ITEMS_MAX):
        for index, position in enumerate(request.positions):
            check_number(violations, f"positions[{index}]", position, 0, RANK_ITEMS_MAX - 1)
    if request.HasField("event_time"):
        check_past_time(violations, "event_time", request.event_time, latest_s)


def _check_event(violations: Violations, event: pb.UserEvent, latest_s: float, prefix: str) -> None:
    check_id(violations, f"{prefix}event_id", event.event_id)
    check_someone(violations, prefix, event.user_id, event.session_id)
    check_id(violations, f"{prefix}item_id", event.item_id)
    check_required_enum(violations, f"{prefix}event_type", event.event_type, EventType)
    if event.HasField("event_time"):
        check_past_time(violations, f"{prefix}event_time", event.event_time, latest_s)
    else:
        violations.add(f"{prefix}event_time", "FIELD_MISSING", "is required")
    check_enum(violations, f"{prefix}device_type", event.device_type, DeviceType)
    check_text(violations, f"{prefix}platform", event.platform)
    check_enum(violations, f"{prefix}page_type", event.page_type, PageType)
    check_text(violations, f"{prefix}recommendation_id", event.recommendation_id)
    check_text(violations, f"{prefix}experiment_id", event.experiment_id)
    _check_rating(violations, event, prefix)
    _check_quantities(violations, event, prefix)


def _check_rating(violations: Violations, event: pb.UserEvent, prefix: str) -> None:
    if event.HasField("rating"):
        check_number(violations, f"{prefix}rating", event.rating, 0, RATING_MAX)
    elif event.event_type == EVENT_TYPE_RATING:
        violations.add(f"{prefix}rating", "FIELD_MISSING", "is required for EVENT_TYPE_RATING")


def _check_quantities(violations: Violations, event: pb.UserEvent, prefix: str) -> None:
    if event.HasField("dwell_time_ms"):
        check_number(violations, f"{prefix}dwell_time_ms", event.dwell_time_ms, 0, DWELL_TIME_MS_MAX)
    if event.HasField("position"):
        check_number(violations, f"{prefix}position", event.position, 0, POSITION_MAX)
    if event.HasField("quantity"):
        if event.quantity == 0:
            violations.add(f"{prefix}quantity", "FIELD_OUT_OF_RANGE", "is 0")
        check_number(violations, f"{prefix}quantity", event.quantity, 0, QUANTITY_MAX)
    if event.HasField("price"):
        check_number(violations, f"{prefix}price", event.price, 0, PRICE_MAX)
