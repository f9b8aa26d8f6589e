"""What every form of the stores that outlives its process must do beside the contract of all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from server.features.user_event import UserEvent
from server.stores.event_log import EventLog
from server.stores.store import Store
from tests.support.store_contract import ListLog, StoreContract, event, history_items, keys


class CutLog(ListLog):
    """An event log whose process dies right before or right after it has stored a batch."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__()
        self.at, self.after, self.calls = at, after, 0
        self.appended: list[tuple[str, list[str]]] = []

    def append_events(self, events: Sequence[UserEvent], batch_name: str) -> object:
        self.calls += 1
        if self.calls == self.at and not self.after:
            raise KeyboardInterrupt
        self.appended.append((batch_name, [e.event_id for e in events]))
        super().append_events(events, batch_name)
        if self.calls == self.at:
            raise KeyboardInterrupt
        return None


def at_once(*calls: Callable[[], object]) -> None:
    """Runs calls in a thread each and raises the first of their errors."""
    errors: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


class DurableStoreContract(StoreContract):
    """Inherit, and define ``make_store`` as for StoreContract."""

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("at", [1, 2, 3])
    def test_a_drain_that_was_cut_off_goes_on_with_the_same_batch(
        self, store: Store, at: int, after: bool
    ) -> None:
        store.events.append([event(f"e{n}") for n in range(5)])
        log = CutLog(at, after=after)
        with pytest.raises(KeyboardInterrupt):
            store.drain(log, batch_size=2)
        store.events.append([event("late")])
        store.drain(log, batch_size=2)
        assert sorted(log.events) == ["e0", "e1", "e2", "e3", "e4", "late"]
        contents: dict[str, list[str]] = {}
        for name, ids in log.appended:
            assert contents.setdefault(name, ids) == ids
        assert store.events.queued() == 0

    def test_a_drain_reaches_the_parquet_log_and_an_erasure_removes_it_there(
        self, store: Store, tmp_path: Path
    ) -> None:
        log = EventLog(tmp_path / "events")
        store.events.append([event("e1"), event("e2", user="bob")])
        store.events.append([event("e3", user="", session="s1")])
        store.events.link_session("s1", "ann", 1)
        store.drain(log)
        assert log.row_count() == 3
        store.users.delete("ann")
        store.drain(log)
        assert log.read().column("event_id").to_pylist() == ["e2"]
        assert log.append_events([event("e1")], "replay").stored == 0

    def test_only_one_drain_runs_at_a_time(self, store: Store) -> None:
        store.events.append([event("e1")])
        inner: list[int] = []

        class Nested(ListLog):
            def append_events(self, events: Sequence[UserEvent], batch_name: str) -> object:
                inner.append(store.drain(ListLog()).events)
                return super().append_events(events, batch_name)

        assert store.drain(Nested()).events == 1
        assert inner == [0]

    def test_writers_of_one_user_lose_nothing_to_each_other(self, store: Store) -> None:
        def write(writer: int) -> None:
            for step in range(15):
                store.events.append([event(f"e{writer}-{step}", f"i{writer}-{step}")])

        at_once(*(lambda writer=writer: write(writer) for writer in range(3)))
        record = store.users.read("u:ann")
        assert record is not None
        assert record.total_events == 45
        assert set(history_items(store, "u:ann")) == set(
            keys(*(f"i{w}-{s}" for w in range(3) for s in range(15)))
        )
        assert store.events.queued() == 45

    def test_the_same_event_at_once_is_stored_once(self, store: Store) -> None:
        stored: list[int] = []

        def write() -> None:
            batch = [event(f"e{n}", f"i{n}") for n in range(10)]
            stored.append(store.events.append(batch).stored)

        at_once(write, write, write)
        assert sum(stored) == 10
        assert store.events.queued() == 10

    def test_events_that_come_while_their_session_is_linked_reach_the_user(self, store: Store) -> None:
        store.events.append([event("first", "first", user="", session="s1")])

        def write() -> None:
            for step in range(20):
                store.events.append([event(f"e{step}", f"i{step}", user="", session="s1")])

        at_once(write, lambda: store.events.link_session("s1", "ann", 1))
        record = store.users.read("u:ann")
        assert record is not None
        assert record.total_events == 21
        assert set(history_items(store, "s:s1")) == set(keys("first", *(f"i{n}" for n in range(20))))

    def test_item_changes_that_come_at_once_get_numbers_without_gaps(self, store: Store) -> None:
        def write(writer: int) -> None:
            for step in range(10):
                store.overlay.append([(f"i{writer}-{step}-{part}", True, {}) for part in range(3)])

        at_once(*(lambda writer=writer: write(writer) for writer in range(3)))
        assert [change.sequence for change in store.overlay.read_after(0)] == list(range(1, 91))
