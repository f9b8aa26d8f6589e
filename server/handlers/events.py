"""The use cases of events: what users did, and what they were shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from server.errors import FieldViolation, InvalidRequest, NotFound
from server.features.event_types import EventType, PageType
from server.features.user_event import UserEvent
from server.handlers.messages import WriteEventsResult
from server.stores.protocols import EventStore, LoggedRecommendation, RecommendationLog


class EventsHandler:
    """Stores events; items need not be known to the catalogue.

    An answer reaches the log a moment after its reply, perhaps by another worker. So an unknown
    recommendation_id is looked up lookups_max times, lookup_interval_s apart. sleep: what waits.
    """

    def __init__(
        self,
        events: EventStore,
        recommendations: RecommendationLog,
        *,
        lookups_max: int = 10,
        lookup_interval_s: float = 0.005,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._events = events
        self._recommendations = recommendations
        self._lookups_max = lookups_max
        self._lookup_interval_s = lookup_interval_s
        self._sleep = sleep

    def write_events(self, events: Sequence[UserEvent]) -> WriteEventsResult:
        """Stores all of the events or none; durable, and in the users' records, when the call returns."""
        result = self._events.append(events)
        return WriteEventsResult(result.stored, result.duplicates)

    def write_impressions(
        self, recommendation_id: str, positions: Sequence[int], event_time_us: int
    ) -> WriteEventsResult:
        """Stores that the items at these places of an answer were shown; each place once.

        Raises NotFound for an answer that is unknown or expired, InvalidRequest naming each position beyond it.
        """
        entry = self._find(recommendation_id)
        _check_positions(positions, len(entry.item_ids))
        return self.write_events([_impression(entry, position, event_time_us) for position in positions])

    def _find(self, recommendation_id: str) -> LoggedRecommendation:
        for lookup in range(self._lookups_max):
            if lookup:
                self._sleep(self._lookup_interval_s)
            entry = self._recommendations.get(recommendation_id)
            if entry is not None:
                return entry
        raise NotFound("recommendation", recommendation_id, reason="RECOMMENDATION_NOT_FOUND")


def _check_positions(positions: Sequence[int], length: int) -> None:
    violations = [
        FieldViolation(
            f"positions[{i}]", "FIELD_OUT_OF_RANGE", f"the answer has {length} items, counted from 0"
        )
        for i, position in enumerate(positions)
        if not 0 <= position < length
    ]
    if violations:
        raise InvalidRequest(violations)


def _impression(entry: LoggedRecommendation, position: int, event_time_us: int) -> UserEvent:
    # An answer to nobody in particular is a session of its own.
    session_id = entry.session_id or ("" if entry.user_id else entry.recommendation_id)
    return UserEvent(
        event_id=f"{entry.recommendation_id}_{position}",
        user_id=entry.user_id,
        session_id=session_id,
        item_id=entry.item_ids[position],
        event_type=EventType.IMPRESSION,
        event_time_us=event_time_us,
        page_type=PageType(entry.page_type),
        position=position,
        recommendation_id=entry.recommendation_id,
    )
