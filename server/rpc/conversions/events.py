"""EventService's messages."""

from __future__ import annotations

from shortlist.v1 import event_service_pb2 as pb

from server.features.event_types import DeviceType, EventType, PageType
from server.features.user_event import UserEvent
from server.rpc.conversions.times import microseconds


def user_event(event: pb.UserEvent) -> UserEvent:
    """Returns the event as stores take it; -1 (quantity: 1) stands for what is unset."""
    return UserEvent(
        event_id=event.event_id,
        user_id=event.user_id,
        session_id=event.session_id,
        item_id=event.item_id,
        event_type=EventType(event.event_type),
        event_time_us=microseconds(event.event_time),
        device_type=DeviceType(event.device_type),
        platform=event.platform,
        page_type=PageType(event.page_type),
        rating=event.rating if event.HasField("rating") else -1.0,
        dwell_time_ms=event.dwell_time_ms if event.HasField("dwell_time_ms") else -1,
        position=event.position if event.HasField("position") else -1,
        recommendation_id=event.recommendation_id,
        experiment_id=event.experiment_id,
        quantity=event.quantity if event.HasField("quantity") else 1.0,
        price=event.price if event.HasField("price") else -1.0,
    )
