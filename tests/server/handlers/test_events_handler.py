"""Events and impressions: stored once, joined to the answer that was shown."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from server.errors import InvalidRequest, NotFound
from server.features.event_types import EventType, PageType
from server.handlers.events import EventsHandler
from server.handlers.messages import WriteEventsResult
from server.stores.memory_store import MemoryStore
from server.stores.protocols import LoggedRecommendation
from tests.support.store_contract import NOW_S, Clock, ListLog, event, history_items, keys, shown

TIME_US = NOW_S * 1_000_000


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=Clock())


@pytest.fixture
def handler(store: MemoryStore) -> EventsHandler:
    return EventsHandler(store.events, store.recommendations, sleep=lambda seconds: None)


def test_events_of_unknown_items_are_kept(handler: EventsHandler, store: MemoryStore) -> None:
    assert handler.write_events([event("e1", "no-such-item")]) == WriteEventsResult(1, 0)
    assert history_items(store, "u:ann") == keys("no-such-item")


def test_impressions_name_the_items_shown_at_their_positions(
    handler: EventsHandler, store: MemoryStore
) -> None:
    store.recommendations.append([shown("r1", session="s1")])
    assert handler.write_impressions("r1", [1, 0], TIME_US) == WriteEventsResult(2, 0)
    assert handler.write_impressions("r1", [0], TIME_US) == WriteEventsResult(0, 1)
    log = ListLog()
    store.drain(log)
    impression = log.events["r1_1"]
    assert (impression.item_id, impression.position) == ("b", 1)
    assert (impression.user_id, impression.session_id) == ("ann", "s1")
    assert impression.event_type is EventType.IMPRESSION
    assert impression.page_type is PageType.HOME
    assert impression.recommendation_id == "r1"


def test_an_answer_to_nobody_is_a_session_of_its_own(handler: EventsHandler, store: MemoryStore) -> None:
    store.recommendations.append([shown("r1", user="")])
    handler.write_impressions("r1", [0], TIME_US)
    log = ListLog()
    store.drain(log)
    assert log.events["r1_0"].session_id == "r1"


def test_positions_beyond_the_answer_are_named_and_nothing_is_stored(
    handler: EventsHandler, store: MemoryStore
) -> None:
    store.recommendations.append([shown("r1")])
    with pytest.raises(InvalidRequest) as refusal:
        handler.write_impressions("r1", [0, 2, 1, 7], TIME_US)
    assert [v.field for v in refusal.value.violations] == ["positions[1]", "positions[3]"]
    assert store.events.queued() == 0


class LateLog:
    """A log that another worker's queue reaches after some looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def append(self, entries: Sequence[LoggedRecommendation]) -> None:
        raise AssertionError("not called")

    def get(self, recommendation_id: str) -> LoggedRecommendation | None:
        self.looks -= 1
        return shown(recommendation_id) if self.looks <= 0 else None


def test_an_answer_that_is_still_on_its_way_to_the_log_is_waited_for(store: MemoryStore) -> None:
    waits: list[float] = []
    handler = EventsHandler(
        store.events, LateLog(3), lookups_max=3, lookup_interval_s=0.5, sleep=waits.append
    )
    assert handler.write_impressions("r1", [0], TIME_US).stored == 1
    assert waits == [0.5, 0.5]


def test_the_wait_for_an_unknown_answer_is_bounded(store: MemoryStore) -> None:
    waits: list[float] = []
    handler = EventsHandler(store.events, LateLog(99), lookups_max=4, sleep=waits.append)
    with pytest.raises(NotFound) as refusal:
        handler.write_impressions("r1", [0], TIME_US)
    assert refusal.value.reason == "RECOMMENDATION_NOT_FOUND"
    assert len(waits) == 3
