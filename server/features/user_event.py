"""One interaction of a user, or of an anonymous session, with an item."""

from __future__ import annotations

from dataclasses import dataclass

from server.features.event_types import DeviceType, EventType, PageType


@dataclass(frozen=True, slots=True)
class UserEvent:
    """A validated event, as stores and the offline side take it.

    At least one of user_id and session_id is not empty. Where both are, the event belongs to the user.
    event_time_us: microseconds since 1970-01-01 UTC.
    position: place in the list shown, from 0; -1 where the event has none.
    rating: 0 to 5, NaN-free; -1 where the event has none. dwell_time_ms: -1 where it has none.
    quantity: units bought; 1 where it does not apply. price: paid for one unit; -1 where unknown.
    """

    event_id: str
    user_id: str
    session_id: str
    item_id: str
    event_type: EventType
    event_time_us: int
    device_type: DeviceType = DeviceType.UNSPECIFIED
    platform: str = ""
    page_type: PageType = PageType.UNSPECIFIED
    rating: float = -1.0
    dwell_time_ms: int = -1
    position: int = -1
    recommendation_id: str = ""
    experiment_id: str = ""
    quantity: float = 1.0
    price: float = -1.0
