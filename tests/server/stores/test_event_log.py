"""The Parquet event log: idempotent, by day, erasable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import ContractBroken
from server.features.event_types import EventType
from server.features.user_event import UserEvent
from server.stores.event_log import DAY_US, EVENT_LOG_SCHEMA, EventLog, events_table
from server.stores.event_log_owners import FOREVER_US
from server.stores.protocols import AppendResult, SessionLink


def event(number: int, *, user: str = "ann", session: str = "", time_us: int | None = None) -> UserEvent:
    at = number * 1_000 if time_us is None else time_us
    return UserEvent(f"e{number}", user, session, "lamp", EventType.VIEW, at)


def ids_in(log: EventLog) -> list[str]:
    return sorted(log.read().column("event_id").to_pylist())


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "events", files_per_day_max=3)


def test_every_field_of_an_event_comes_back(log: EventLog) -> None:
    given_event = replace(event(1), rating=4.5, position=3, quantity=2.0, price=9.99, platform="ios")
    log.append_events([given_event], "batch")
    row = log.read().to_pylist()[0]
    assert row == {name: getattr(given_event, name) for name in EVENT_LOG_SCHEMA.names}


def test_appending_a_batch_again_changes_nothing(log: EventLog) -> None:
    events = [event(n) for n in range(5)]
    assert log.append_events(events, "batch") == AppendResult(5, 0)
    files = log.files()
    assert log.append_events(events, "batch") == AppendResult(0, 5)
    assert log.files() == files


def test_an_event_id_is_stored_once_whatever_batch_or_day_it_comes_in(log: EventLog) -> None:
    log.append_events([event(1), event(1)], "first")
    log.append_events([event(1, time_us=3 * DAY_US), event(2)], "second")
    assert ids_in(log) == ["e1", "e2"]


def test_a_batch_name_used_for_other_events_overwrites_nothing(log: EventLog) -> None:
    log.append_events([event(1)], "same")
    log.append_events([event(2)], "same")
    assert ids_in(log) == ["e1", "e2"]


def test_events_lie_in_the_folder_of_their_utc_day(log: EventLog) -> None:
    log.append_events([event(1, time_us=DAY_US - 1), event(2, time_us=DAY_US), event(3, time_us=-1)], "b")
    assert log.days() == ["1969-12-31", "1970-01-01", "1970-01-02"]
    assert [pq.read_metadata(path).num_rows for path in log.files()] == [1, 1, 1]


def test_many_small_files_of_a_day_become_one(log: EventLog) -> None:
    for n in range(20):
        log.append_events([event(n)], f"minute-{n}")
    assert len(log.files()) <= 3
    assert log.row_count() == 20
    assert log.append_events([event(7)], "again") == AppendResult(0, 1)


def test_merging_on_request_leaves_one_file_a_day_and_nothing_else(log: EventLog) -> None:
    for n in range(3):
        log.append_events([event(n), event(n + 10, time_us=DAY_US + n)], f"minute-{n}")
    assert log.merge_files() == 2
    assert len(list((log.directory / "day=1970-01-01").glob("*.parquet"))) == 1
    assert log.row_count() == 6


def test_files_stay_in_place_while_somebody_reads(log: EventLog) -> None:
    log.append_events([event(1)], "a")
    log.append_events([event(2)], "b")
    with log.reading():
        files = log.files()
        log.merge_files()
        assert all(path.exists() for path in files)
    assert log.merge_files() == 0
    assert not any(path.exists() for path in files)


def test_a_half_written_file_of_a_crash_is_not_part_of_the_log(log: EventLog) -> None:
    log.append_events([event(1)], "a")
    pq.write_table(events_table([event(2)]), log.directory / "day=1970-01-01" / "torn.parquet")
    assert ids_in(log) == ["e1"]


def test_an_erased_user_is_gone_and_a_replay_does_not_bring_them_back(log: EventLog) -> None:
    theirs, others = [event(n) for n in range(3)], [event(n, user="bob") for n in range(10, 12)]
    log.append_events([*theirs, *others], "batch")
    assert log.erase_user("ann", erased_time_us=5_000) == 3
    assert log.append_events(theirs, "replay") == AppendResult(0, 3)
    assert ids_in(log) == ["e10", "e11"]


def test_a_user_who_returns_after_an_erasure_is_stored_again(log: EventLog) -> None:
    log.erase_user("ann", erased_time_us=5_000)
    assert log.append_events([event(5), event(6)], "later") == AppendResult(1, 1)


def test_erasing_a_user_takes_the_events_of_linked_sessions_too(log: EventLog) -> None:
    in_session = event(1, user="", session="s1")
    log.append_events([in_session, event(2, user="", session="s2")], "batch")
    log.append_links([SessionLink("s1", "ann", 2_000)], "links")
    assert log.erase_user("ann", erased_time_us=5_000) == 1
    assert log.append_events([in_session], "replay") == AppendResult(0, 1)
    assert log.link_intervals().num_rows == 0
    assert ids_in(log) == ["e2"]


def test_erased_ids_are_not_kept_in_the_clear(log: EventLog) -> None:
    log.append_events([event(1, user="ann-who-left")], "batch")
    log.erase_user("ann-who-left", erased_time_us=5_000)
    assert not [p for p in log.directory.rglob("*") if p.is_file() and b"ann-who-left" in p.read_bytes()]


def test_a_link_reaches_back_to_the_first_event_and_holds_until_the_next_link(log: EventLog) -> None:
    links = [SessionLink("s1", "ann", 100), SessionLink("s1", "bob", 200), SessionLink("s2", "cy", 50)]
    log.append_links(links[:1], "a")
    log.append_links(links[1:], "b")
    log.append_links(links, "again")
    assert [tuple(row.values()) for row in log.link_intervals().to_pylist()] == [
        ("s1", "ann", 0, 200),
        ("s1", "bob", 200, FOREVER_US),
        ("s2", "cy", 0, FOREVER_US),
    ]


def test_link_files_are_merged(log: EventLog) -> None:
    for n in range(40):
        log.append_links([SessionLink(f"s{n}", "ann", n)], f"minute-{n}")
    assert len(list((log.directory / "links").glob("*.parquet"))) <= 17
    assert log.link_intervals().num_rows == 40


def test_another_schema_is_refused(log: EventLog) -> None:
    with pytest.raises(ContractBroken, match="event_id"):
        log.append_table(pa.table({"event_id": ["e1"]}))


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), max_size=8), max_size=5))
def test_the_log_holds_each_event_id_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, int]]]
) -> None:
    log = EventLog(tmp_path_factory.mktemp("log"), files_per_day_max=2)
    seen: set[int] = set()
    for place, batch in enumerate(batches):
        result = log.append_events([event(n, time_us=day * DAY_US + n) for n, day in batch], f"b{place}")
        fresh = {n for n, _ in batch} - seen
        assert result == AppendResult(len(fresh), len(batch) - len(fresh))
        seen |= fresh
    assert ids_in(log) == sorted(f"e{n}" for n in seen)
