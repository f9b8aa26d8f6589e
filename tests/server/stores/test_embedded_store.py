"""The embedded store keeps the contract, and what only a store on disk can do: grow, be shared, survive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.errors import StoreUnavailable
from server.features.event_types import EventType
from server.features.user_event import UserEvent
from server.stores import lmdb_environment
from server.stores.embedded_records import USERS
from server.stores.embedded_store import EmbeddedStore
from server.stores.entry_codec import text_key
from server.stores.store import Store, StoreLimits
from tests.support.durable_store_contract import DurableStoreContract
from tests.support.store_contract import Clock, ListLog, event, history_items, keys, shown

SMALL = StoreLimits(durable_writes=False, map_bytes_max=4 << 20)


class TestEmbeddedStore(DurableStoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> Iterator[Callable[[StoreLimits, Clock], Store]]:
        opened: list[EmbeddedStore] = []

        def make(limits: StoreLimits, clock: Clock) -> Store:
            opened.append(EmbeddedStore(tmp_path / f"store-{len(opened)}", limits, clock=clock))
            return opened[-1]

        yield make
        for store in opened:
            store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path / "store", SMALL)
    yield store
    store.close()


def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    first = EmbeddedStore(tmp_path / "store")
    first.events.append([event("e1")])
    first.overlay.append([("a", True, {})])
    first.close()
    second = EmbeddedStore(tmp_path / "store")
    assert history_items(second, "u:ann") == keys("a")
    assert second.overlay.last_sequence() == 1
    assert second.events.append([event("e1")]).duplicates == 1
    second.close()


# Threads that never rest would take the interpreter's lock from each of the writer's calls into LMDB.
PAUSE_S = 0.001


def fill(store: EmbeddedStore, until: Callable[[int], bool]) -> int:
    count = 0
    while not until(count):
        store.events.append([event(f"e{count}-{n}", user=f"user-{count}-{n}") for n in range(200)])
        count += 1
    return count


def test_the_map_grows_as_the_store_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_environment, "MAP_BYTES_START", 256 << 10)
    store = EmbeddedStore(tmp_path / "store", StoreLimits(durable_writes=False, map_bytes_max=64 << 20))
    fill(store, lambda count: count == 10)
    assert store.events.queued() == 2_000
    assert history_items(store, "u:user-9-199") == keys("a")
    store.close()


def test_the_map_grows_while_other_threads_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_environment, "MAP_BYTES_START", 256 << 10)
    store = EmbeddedStore(tmp_path / "store", StoreLimits(durable_writes=False, map_bytes_max=64 << 20))
    store.events.append([event("e")])
    stop = threading.Event()
    failures: list[Exception] = []

    def read() -> None:
        try:
            while not stop.wait(PAUSE_S):
                assert history_items(store, "u:ann") == keys("a")
        except Exception as error:
            failures.append(error)

    readers = [threading.Thread(target=read, daemon=True) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        fill(store, lambda count: count == 2)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert failures == []
    store.close()


def test_a_full_store_says_so_keeps_what_it_has_and_can_be_emptied(store: EmbeddedStore) -> None:
    with pytest.raises(StoreUnavailable) as refusal:
        fill(store, lambda count: False)
    assert refusal.value.reason == "STORE_FULL"
    assert history_items(store, "u:user-0-0") == keys("a")
    queued = store.events.queued()
    log = ListLog()
    assert store.drain(log).events == queued
    assert store.users.delete("user-0-0")
    assert store.events.append([event("again", user="user-1-1")]).stored == 1


def test_a_full_recommendation_log_does_not_stop_events(store: EmbeddedStore) -> None:
    def show_for_ever() -> None:
        for batch in range(10_000):
            store.recommendations.append([shown(f"r{batch}-{n}") for n in range(100)])

    with pytest.raises(StoreUnavailable):
        show_for_ever()
    assert store.events.append([event("e1")]).stored == 1


def test_a_change_that_fails_leaves_nothing_behind(store: EmbeddedStore) -> None:
    bad = UserEvent("e2", "ann", "", "\ud800", EventType.VIEW, 5)  # a lone surrogate has no UTF-8
    with pytest.raises((UnicodeEncodeError, TypeError)):
        store.events.append([event("e1"), bad])
    assert store.users.read("u:ann") is None
    assert store.events.queued() == 0
    assert store.events.append([event("e1")]).stored == 1


def test_a_damaged_record_is_an_unavailable_one(store: EmbeddedStore) -> None:
    store.events.append([event("e1")])
    store._state.write(lambda writer: writer.put(USERS, text_key("u:ann"), b"\0" * 60))
    with pytest.raises(StoreUnavailable) as refusal:
        store.users.read("u:ann")
    assert refusal.value.reason == "RECORD_DAMAGED"
