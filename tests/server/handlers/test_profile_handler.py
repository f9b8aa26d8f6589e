"""Users: profile, erasure, linking."""

from __future__ import annotations

import pytest

from server.errors import NotFound
from server.handlers.messages import UserProfile
from server.handlers.profiles import ProfileHandler
from server.stores.memory_store import MemoryStore
from server.stores.protocols import SessionLink
from tests.support.store_contract import NOW_S, Clock, ListLog, event


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=Clock())


@pytest.fixture
def handler(store: MemoryStore) -> ProfileHandler:
    return ProfileHandler(store.users, store.events, now_s=Clock())


def test_a_profile_is_read_back_with_what_the_record_says(
    handler: ProfileHandler, store: MemoryStore
) -> None:
    store.events.append([event("e1", time_s=NOW_S - 10)])
    handler.upsert_profile(UserProfile("ann", age_bucket=3, gender=1, location_cluster=9))
    assert handler.get_profile("ann") == UserProfile("ann", 3, 1, 9, 1, NOW_S - 10, NOW_S)


def test_a_user_with_events_alone_has_an_empty_profile(handler: ProfileHandler, store: MemoryStore) -> None:
    store.events.append([event("e1", time_s=NOW_S - 10)])
    assert handler.get_profile("ann").age_bucket == 0


def test_an_unknown_user_is_not_found(handler: ProfileHandler) -> None:
    with pytest.raises(NotFound):
        handler.get_profile("nobody")


def test_an_erased_user_is_not_found(handler: ProfileHandler, store: MemoryStore) -> None:
    store.events.append([event("e1")])
    assert handler.delete_user("ann") is True
    assert handler.delete_user("ann") is False
    with pytest.raises(NotFound):
        handler.get_profile("ann")


def test_a_link_is_dated_now(handler: ProfileHandler, store: MemoryStore) -> None:
    store.events.append([event("e1", user="", session="s1")])
    assert handler.link_session("s1", "ann") == 1
    log = ListLog()
    store.drain(log)
    assert log.links == [SessionLink("s1", "ann", NOW_S * 1_000_000)]
