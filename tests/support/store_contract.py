"""What every form of the stores must do. A form's test class inherits this and gives ``make_store``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from server.errors import StoreUnavailable
from server.features.event_types import EventType
from server.features.history_batch import HistoryBatch
from server.features.identity import item_key
from server.features.record_codec import RecordLimits, apply_event, new_record
from server.features.user_event import UserEvent
from server.stores.protocols import AppendResult, LoggedRecommendation, SessionLink
from server.stores.store import DrainResult, Store, StoreLimits

NOW_S = 1_700_000_000


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s: float = NOW_S

    def __call__(self) -> float:
        return self.now_s


class ListLog:
    """An event log that remembers what it was given, and forgets as told."""

    def __init__(self) -> None:
        self.events: dict[str, UserEvent] = {}
        self.links: list[SessionLink] = []
        self.batches: list[str] = []
        self.erased: list[tuple[str, int]] = []

    def append_events(self, events: Sequence[UserEvent], batch_name: str) -> object:
        self.batches.append(batch_name)
        self.events.update({event.event_id: event for event in events})
        return None

    def append_links(self, links: Sequence[SessionLink], batch_name: str) -> None:
        self.links.extend(links)

    def erase_user(self, user_id: str, erased_time_us: int | None = None) -> int:
        self.erased.append((user_id, erased_time_us or 0))
        before = len(self.events)
        self.events = {i: e for i, e in self.events.items() if e.user_id != user_id}
        return before - len(self.events)


def event(
    event_id: str,
    item: str = "a",
    *,
    user: str = "ann",
    session: str = "",
    kind: EventType = EventType.VIEW,
    time_s: int = NOW_S - 100,
) -> UserEvent:
    return UserEvent(event_id, user, session, item, kind, time_s * 1_000_000)


def shown(
    recommendation_id: str, *, user: str = "ann", session: str = "", time_s: int = NOW_S
) -> LoggedRecommendation:
    return LoggedRecommendation(
        recommendation_id=recommendation_id,
        user_id=user,
        session_id=session,
        page_type=1,
        scenario="HOME",
        time_us=time_s * 1_000_000,
        item_ids=("a", "b"),
        scores=(0.5, 0.25),
        source_bits=(2, 4),
        served_by=2,
        degraded=False,
        release_version="r1",
        model_version="m1",
        latency_ms=1.5,
    )


def history(*users: tuple[str, Sequence[UserEvent]]) -> HistoryBatch:
    """Returns a batch as the offline side makes it from events."""
    records = []
    for key, user_events in sorted(users):
        record = new_record(key)
        for one in sorted(user_events, key=lambda e: e.event_time_us):
            record = apply_event(record, one, RecordLimits())
        records.append(record)

    def offsets(name: str) -> np.ndarray:
        return np.cumsum([0, *(len(getattr(record, name)) for record in records)]).astype(np.int64)

    def column(name: str, dtype: type) -> np.ndarray:
        return np.array([getattr(record, name) for record in records], dtype)

    return HistoryBatch(
        keys=tuple(key for key, _ in sorted(users)),
        event_offsets=offsets("events"),
        events=np.concatenate([record.events for record in records]),
        bought_offsets=offsets("bought"),
        bought=np.concatenate([record.bought for record in records]),
        hidden_offsets=offsets("hidden"),
        hidden=np.concatenate([record.hidden for record in records]),
        total_events=column("total_events", np.uint32),
        created_time_s=column("created_time_s", np.int64),
        updated_time_s=column("updated_time_s", np.int64),
        age_bucket=column("age_bucket", np.int8),
        gender=column("gender", np.int8),
        location_cluster=column("location_cluster", np.int16),
    )


def history_items(store: Store, key: str) -> list[int]:
    record = store.users.read(key)
    return [] if record is None else record.events["item_key"].tolist()


def keys(*items: str) -> list[int]:
    return [item_key(item) for item in items]


class StoreContract:
    """Inherit, and define ``make_store(limits, clock)`` as a fixture that returns such a function.

    sweeps_recommendations: whether a sweep removes them; in some stores they go by themselves.
    """

    sweeps_recommendations = True

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def limits(self) -> StoreLimits:
        return StoreLimits(durable_writes=False)

    @pytest.fixture
    def store(
        self, make_store: Callable[[StoreLimits, Clock], Store], limits: StoreLimits, clock: Clock
    ) -> Store:
        return make_store(limits, clock)

    def test_an_unknown_user_has_no_record(self, store: Store) -> None:
        assert store.users.read("u:nobody") is None

    def test_an_event_is_in_the_record_when_the_call_returns(self, store: Store) -> None:
        bought = event("e1", "a", kind=EventType.PURCHASE)
        assert store.events.append([bought, event("e2", "b")]) == AppendResult(2, 0)
        record = store.users.read("u:ann")
        assert record is not None
        assert history_items(store, "u:ann") == keys("a", "b")
        assert (record.bought.tolist(), record.total_events) == (keys("a"), 2)

    def test_an_event_is_stored_once_however_often_it_comes(self, store: Store) -> None:
        assert store.events.append([event("e1"), event("e1")]) == AppendResult(1, 1)
        assert store.events.append([event("e1"), event("e2", "b")]) == AppendResult(1, 1)
        assert history_items(store, "u:ann") == keys("a", "b")
        assert store.events.queued() == 2

    def test_ids_of_any_length_are_kept_apart(self, store: Store) -> None:
        first, second = "ü" * 2_000 + "1", "ü" * 2_000 + "2"
        store.events.append([event(first, "a", user=first), event(second, "b", user=second)])
        assert history_items(store, "u:" + first) == keys("a")
        assert history_items(store, "u:" + second) == keys("b")

    def test_users_and_sessions_of_the_same_name_are_kept_apart(self, store: Store) -> None:
        store.events.append([event("e1", "a", user="x"), event("e2", "b", user="", session="x")])
        assert history_items(store, "u:x") == keys("a")
        assert history_items(store, "s:x") == keys("b")

    def test_an_event_with_both_ids_belongs_to_the_user(self, store: Store) -> None:
        store.events.append([event("e1", "a", session="s1")])
        assert history_items(store, "u:ann") == keys("a")
        assert store.users.read("s:s1") is None

    def test_event_ids_are_forgotten_after_their_retention(self, store: Store, clock: Clock) -> None:
        store.events.append([event("e1")])
        clock.now_s += StoreLimits().event_id_retention_s - 10
        store.sweep()
        assert store.events.append([event("e1")]).duplicates == 1
        clock.now_s += 20
        assert store.sweep().event_ids == 1
        assert store.events.append([event("e1")]).stored == 1

    def test_a_sweep_is_bounded_and_says_that_there_is_more(self, store: Store, clock: Clock) -> None:
        store.events.append([event(f"e{n}") for n in range(5)])
        clock.now_s += StoreLimits().event_id_retention_s + 10
        first = store.sweep(limit=3)
        assert (first.event_ids, first.more) == (3, True)
        second = store.sweep(limit=3)
        assert (second.event_ids, second.more) == (2, False)

    def test_a_profile_keeps_the_events_and_events_keep_the_profile(self, store: Store) -> None:
        store.events.append([event("e1", "a")])
        store.users.write_profile("ann", 3, 1, 77)
        store.events.append([event("e2", "b")])
        record = store.users.read("u:ann")
        assert record is not None
        assert (record.age_bucket, record.gender, record.location_cluster) == (3, 1, 77)
        assert history_items(store, "u:ann") == keys("a", "b")

    def test_linking_gives_a_sessions_past_and_future_to_the_user(self, store: Store) -> None:
        store.events.append([event("e1", "a", user="", session="s1", time_s=NOW_S - 50)])
        store.events.append([event("e2", "b", time_s=NOW_S - 60)])
        assert store.events.link_session("s1", "ann", NOW_S * 1_000_000) == 1
        assert history_items(store, "u:ann") == keys("b", "a")
        store.events.append([event("e3", "c", user="", session="s1", time_s=NOW_S)])
        assert history_items(store, "u:ann") == keys("b", "a", "c")
        assert history_items(store, "s:s1") == keys("b", "a", "c")
        record = store.users.read("u:ann")
        assert record is not None
        assert record.total_events == 3

    def test_linking_again_moves_nothing_and_another_user_gets_only_the_future(self, store: Store) -> None:
        store.events.append([event("e1", "a", user="", session="s1")])
        store.events.link_session("s1", "ann", NOW_S)
        assert store.events.link_session("s1", "ann", NOW_S) == 0
        assert store.events.link_session("s1", "bob", NOW_S) == 0
        store.events.append([event("e2", "b", user="", session="s1")])
        assert history_items(store, "u:ann") == keys("a")
        assert history_items(store, "u:bob") == keys("b")

    def test_a_full_queue_refuses_events_and_stores_nothing(
        self, make_store: Callable[[StoreLimits, Clock], Store], clock: Clock
    ) -> None:
        store = make_store(StoreLimits(durable_writes=False, queued_events_max=2), clock)
        store.events.append([event("e1")])
        with pytest.raises(StoreUnavailable) as refusal:
            store.events.append([event("e2", "b"), event("e3", "c")])
        assert refusal.value.reason == "QUEUE_FULL"
        assert history_items(store, "u:ann") == keys("a")
        store.drain(ListLog())
        assert store.events.append([event("e2", "b"), event("e3", "c")]).stored == 2

    def test_erasing_removes_all_that_was_known(self, store: Store) -> None:
        store.events.append([event("e1"), event("e2", user="", session="s1"), event("e3", user="bob")])
        store.events.link_session("s1", "ann", NOW_S * 1_000_000)
        store.recommendations.append(
            [shown("r1"), shown("r2", user="", session="s1"), shown("r3", user="bob")]
        )
        assert store.users.delete("ann") is True
        assert store.users.read("u:ann") is None
        assert store.users.read("s:s1") is None
        assert [store.recommendations.get(r) is None for r in ("r1", "r2", "r3")] == [True, True, False]
        log = ListLog()
        store.drain(log)
        assert list(log.events) == ["e3"]
        assert log.links == []
        assert [user for user, _ in log.erased] == ["ann"]
        assert history_items(store, "u:bob") == keys("a")

    def test_erasing_an_unknown_user_says_so_and_still_reaches_the_event_log(self, store: Store) -> None:
        assert store.users.delete("ann") is False
        log = ListLog()
        store.drain(log)
        assert [user for user, _ in log.erased] == ["ann"]

    def test_replayed_events_do_not_bring_an_erased_user_back(self, store: Store, clock: Clock) -> None:
        old = [event("e1"), event("e2", "b")]
        store.events.append(old)
        store.users.delete("ann")
        assert store.events.append(old) == AppendResult(0, 2)
        clock.now_s += StoreLimits().event_id_retention_s + 10
        store.sweep()
        assert store.events.append(old) == AppendResult(0, 2)
        assert store.merge_histories(history(("u:ann", old))) == 0
        assert store.users.read("u:ann") is None

    def test_an_erased_user_may_come_back(self, store: Store) -> None:
        store.events.append([event("e1", "a", kind=EventType.PURCHASE)])
        store.users.delete("ann")
        later = event("e2", "b", kind=EventType.PURCHASE, time_s=NOW_S + 10)
        store.events.append([later])
        assert history_items(store, "u:ann") == keys("b")
        whole_past = [event("e1", "a", kind=EventType.PURCHASE), later]
        store.merge_histories(history(("u:ann", whole_past)))
        record = store.users.read("u:ann")
        assert record is not None
        assert record.bought.tolist() == keys("b")
        assert history_items(store, "u:ann") == keys("b")

    def test_merged_histories_become_records_once(self, store: Store) -> None:
        ann = [event("e1", "a", time_s=10), event("e2", "b", kind=EventType.PURCHASE, time_s=20)]
        batch = history(("u:ann", ann), ("u:bob", [event("e3", "c", user="bob", time_s=5)]))
        assert store.merge_histories(batch) == 2
        assert store.merge_histories(batch) == 0
        record = store.users.read("u:ann")
        assert record is not None
        assert history_items(store, "u:ann") == keys("a", "b")
        assert (record.bought.tolist(), record.total_events) == (keys("b"), 2)

    def test_merging_keeps_what_is_newer_than_the_history(self, store: Store) -> None:
        store.events.append([event("e2", "b", time_s=20), event("e3", "c", time_s=30)])
        store.users.write_profile("ann", 2, 0, -1)
        store.merge_histories(history(("u:ann", [event("e1", "a", time_s=10), event("e2", "b", time_s=20)])))
        record = store.users.read("u:ann")
        assert record is not None
        assert history_items(store, "u:ann") == keys("a", "b", "c")
        assert record.age_bucket == 2

    def test_a_drain_moves_everything_in_order_and_only_once(self, store: Store) -> None:
        store.events.append([event(f"e{n}") for n in range(5)])
        store.events.link_session("s1", "ann", 7)
        store.events.append([event("e9")])
        log = ListLog()
        assert store.drain(log, batch_size=2) == DrainResult(6, 1, 0)
        assert list(log.events) == ["e0", "e1", "e2", "e3", "e4", "e9"]
        assert log.links == [SessionLink("s1", "ann", 7)]
        assert store.events.queued() == 0
        assert store.drain(log) == DrainResult()
        assert len(set(log.batches)) == len(log.batches)

    def test_a_drained_event_is_the_event_that_was_given(self, store: Store) -> None:
        full = UserEvent(
            "e1", "ann", "s", "ü", EventType.RATING, 123_456_789, platform="iOS", rating=4.5, dwell_time_ms=7,
            position=3, recommendation_id="r", experiment_id="x", quantity=2.5, price=9.99,
        )  # fmt: skip
        store.events.append([full])
        log = ListLog()
        store.drain(log)
        assert log.events["e1"] == full

    def test_overlay_entries_are_numbered_from_one_without_gaps(self, store: Store) -> None:
        assert store.overlay.last_sequence() == 0
        assert store.overlay.append([("a", False, {"price": 1.5}), ("b", True, {})]) == 2
        assert store.overlay.append([("c", False, {"title": "C", "image_embedding": [0.5]})]) == 3
        assert store.overlay.append([]) == 3
        changes = list(store.overlay.read_after(0))
        assert [change.sequence for change in changes] == [1, 2, 3]
        assert (changes[0].patch, changes[1].deleted) == ({"price": 1.5}, True)
        assert [change.item_id for change in store.overlay.read_after(2)] == ["c"]
        assert list(store.overlay.read_after(3)) == []

    def test_a_trimmed_overlay_goes_on_counting(self, store: Store) -> None:
        store.overlay.append([(f"i{n}", True, {}) for n in range(5)])
        assert store.overlay.trim(3) == 3
        assert [change.sequence for change in store.overlay.read_after(0)] == [4, 5]
        assert store.overlay.trim(9) == 2
        assert store.overlay.last_sequence() == 5
        assert store.overlay.append([("x", True, {})]) == 6

    def test_a_raised_overlay_gives_larger_numbers_only(self, store: Store) -> None:
        store.overlay.raise_sequence(40)
        store.overlay.raise_sequence(7)
        assert store.overlay.append([("x", True, {})]) == 41

    def test_a_recommendation_is_found_until_it_expires(self, store: Store, clock: Clock) -> None:
        store.recommendations.append([shown("r1"), shown("r2", time_s=NOW_S + 100)])
        assert store.recommendations.get("r1") == shown("r1")
        assert store.recommendations.get("r0") is None
        clock.now_s += StoreLimits().recommendation_retention_s + 50
        assert store.recommendations.get("r1") is None
        assert store.recommendations.get("r2") is not None
        assert store.sweep().recommendations == int(self.sweeps_recommendations)
        assert store.recommendations.get("r2") is not None
