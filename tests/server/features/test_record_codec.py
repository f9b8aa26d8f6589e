"""Records survive the trip to bytes, and events change them as declared, in whatever order they come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.features.declarations import HISTORY_EVENTS_MAX
from server.features.event_types import EventType, PageType
from server.features.identity import item_key
from server.features.record_codec import (
    NO_RATING_X20,
    RecordLimits,
    RecordRefused,
    apply_event,
    apply_events,
    merge_records,
    new_record,
    pack_record,
    unpack_record,
)
from server.features.user_event import UserEvent
from server.features.user_record import HEADER, RECORD_MAGIC, RECORD_VERSION, UserRecord

LIMITS = RecordLimits(bought_items_max=4, hidden_items_max=3)
KEY = "u:ann"


def event(item: str = "a", time_s: int = 100, kind: EventType = EventType.VIEW, **more: object) -> UserEvent:
    return UserEvent("e", "ann", "", item, kind, time_s * 1_000_000, **more)  # type: ignore[arg-type]


events = st.builds(event, st.sampled_from("abcdefgh"), st.integers(1, 30), st.sampled_from(list(EventType)))


def record_of(given_events: list[UserEvent], limits: RecordLimits = LIMITS) -> UserRecord:
    record = new_record(KEY)
    for one in given_events:
        record = apply_event(record, one, limits)
    return record


def as_bytes(record: UserRecord) -> bytes:
    return pack_record(record)


@given(st.lists(events, max_size=40), st.integers(0, 7), st.integers(0, 3), st.integers(-1, 32767))
def test_a_record_survives_packing(some: list[UserEvent], age: int, gender: int, cluster: int) -> None:
    record = record_of(some)
    record.age_bucket, record.gender, record.location_cluster = age, gender, cluster
    again = unpack_record(pack_record(record), KEY)
    assert as_bytes(again) == as_bytes(record)
    assert (again.total_events, again.location_cluster) == (len(some), cluster)


def test_an_unpacked_record_shares_the_bytes_and_cannot_be_written() -> None:
    record = unpack_record(pack_record(record_of([event(kind=EventType.PURCHASE)])), KEY)
    assert not record.events.flags.writeable
    assert not record.bought.flags.owndata


@pytest.mark.parametrize(
    ("at", "value"), [(0, 1), (4, 9), (6, 200), (8, 1), (36, 1), (40, 255)], ids=lambda v: str(v)
)
def test_a_header_that_says_otherwise_is_refused(at: int, value: int) -> None:
    content = bytearray(pack_record(record_of([event()])))
    content[at] ^= value
    with pytest.raises(RecordRefused):
        unpack_record(bytes(content), KEY)


def test_the_record_of_another_key_is_refused() -> None:
    with pytest.raises(RecordRefused, match="another key"):
        unpack_record(pack_record(record_of([event()])), "u:bob")


@given(st.integers(0, 200))
def test_a_record_of_another_length_is_refused(length: int) -> None:
    content = pack_record(record_of([event(), event("b")]))
    if length != len(content):
        with pytest.raises(RecordRefused):
            unpack_record((content * 2)[:length], KEY)


@given(st.lists(events, max_size=40))
def test_history_is_in_order_of_time_however_events_arrive(some: list[UserEvent]) -> None:
    times = record_of(some).events["time_s"]
    assert np.all(times[1:] >= times[:-1])


@given(st.lists(events, max_size=20), st.lists(events, max_size=20))
def test_events_at_once_come_to_the_same_as_one_by_one(first: list[UserEvent], rest: list[UserEvent]) -> None:
    record = record_of(first)
    assert as_bytes(apply_events(record, rest, LIMITS)) == as_bytes(record_of([*first, *rest]))


def test_the_history_keeps_the_latest_events() -> None:
    record = record_of([event(f"i{t}", t) for t in range(1, HISTORY_EVENTS_MAX + 11)])
    assert len(record.events) == HISTORY_EVENTS_MAX
    assert record.events["time_s"][0] == 11
    assert record.total_events == HISTORY_EVENTS_MAX + 10


def test_an_event_older_than_a_full_history_only_counts() -> None:
    full = record_of([event("i", t) for t in range(100, 100 + HISTORY_EVENTS_MAX)])
    after = apply_event(full, event("late", 1), LIMITS)
    assert np.array_equal(after.events, full.events)
    assert after.total_events == full.total_events + 1


@pytest.mark.parametrize("kind", [EventType.IMPRESSION, EventType.HIDE, EventType.REMOVE_FROM_CART])
def test_events_that_say_nothing_positive_enter_no_history(kind: EventType) -> None:
    record = record_of([event(kind=kind)])
    assert (len(record.events), record.total_events) == (0, 1)


def test_purchases_and_hides_are_kept_once_and_the_oldest_go_first() -> None:
    bought = [event(item, 10, EventType.PURCHASE) for item in "abacde"]
    hidden = [event(item, 10, EventType.HIDE) for item in "wxyz"]
    record = record_of([*bought, *hidden])
    assert record.bought.tolist() == [item_key(i) for i in "bcde"]
    assert record.hidden.tolist() == [item_key(i) for i in "xyz"]


def test_what_an_event_carries_is_kept() -> None:
    rated = event("a", 5, EventType.RATING, rating=4.5, dwell_time_ms=2500, page_type=PageType.CART)
    record = record_of([rated, event("b", 6)])
    assert record.events[["rating_x20", "dwell_time_s", "page_type"]].tolist() == [
        (90, 2, PageType.CART),
        (NO_RATING_X20, 0, 0),
    ]
    assert (record.created_time_s, record.updated_time_s) == (5, 6)


def test_applying_an_event_leaves_the_given_record_alone() -> None:
    record = record_of([event("a", 5, EventType.PURCHASE)])
    before = as_bytes(record)
    apply_event(record, event("b", 4, EventType.PURCHASE), LIMITS)
    assert as_bytes(record) == before


@given(st.lists(events, max_size=30), st.lists(events, max_size=30))
def test_merging_twice_is_merging_once(older: list[UserEvent], newer: list[UserEvent]) -> None:
    first, second = record_of(older), record_of(newer)
    once = merge_records(first, second, LIMITS)
    assert as_bytes(merge_records(first, once, LIMITS)) == as_bytes(once)


@given(st.lists(events, max_size=30), st.integers(0, 30))
def test_merging_a_history_with_its_own_beginning_adds_nothing(some: list[UserEvent], cut: int) -> None:
    whole = record_of(some)
    merged = merge_records(record_of(some[:cut]), whole, LIMITS)
    assert sorted(merged.events.tolist()) == sorted(whole.events.tolist())
    assert merged.total_events == whole.total_events


def test_equal_purchases_of_one_second_are_kept_as_often_as_the_fuller_side_has_them() -> None:
    twice = record_of([event("a", 5, EventType.PURCHASE)] * 2)
    once = record_of([event("a", 5, EventType.PURCHASE), event("b", 5)])
    assert len(merge_records(twice, once, LIMITS).events) == 3
    assert len(merge_records(once, twice, LIMITS).events) == 3


def test_a_known_profile_wins_over_an_unknown_one() -> None:
    older, newer = new_record(KEY), new_record(KEY)
    older.age_bucket, older.location_cluster, newer.gender = 3, 7, 2
    merged = merge_records(older, newer, LIMITS)
    assert (merged.age_bucket, merged.gender, merged.location_cluster) == (3, 2, 7)


def test_the_bytes_begin_with_the_header_as_declared() -> None:
    record = record_of([event("a", 5, EventType.PURCHASE), event("b", 9, EventType.HIDE)])
    record.age_bucket, record.gender, record.location_cluster = 7, 3, -1
    header = np.frombuffer(pack_record(record), HEADER, 1)[0]
    expected = (RECORD_MAGIC, RECORD_VERSION, 1, record.key_hash, 5, 9, 2, 1, 1, -1, 7, 3)
    assert header.tolist() == expected
