"""From an event log and a catalogue to the arrays of a release."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offline.candidates.build import build_candidates
from offline.candidates.history_reader import read_history
from server.features.event_types import EventType, PageType
from server.features.user_event import UserEvent
from server.releases.format import ARRAY_FILES
from server.stores.event_log import EventLog
from server.stores.protocols import SessionLink

DAY = 86_400
NOW = 1_700_000_000


def event(
    user: str, item: str, time_s: int = NOW - DAY, *, session: str = "", kind: EventType = EventType.PURCHASE
) -> UserEvent:
    name = f"{user}/{session}/{item}/{time_s}/{kind}"
    return UserEvent(name, user, session, item, kind, time_s * 1_000_000, page_type=PageType.HOME)


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "events")


def test_history_is_read_by_item_row_with_a_code_for_each_user(log: EventLog) -> None:
    log.append_events([event("ann", "b"), event("bob", "a"), event("ann", "a")], "batch")

    history = read_history(log, ["a", "b"], NOW)

    by_user = {
        tuple(sorted(history.item_rows[history.users == user].tolist())) for user in range(history.user_count)
    }
    assert by_user == {(0, 1), (0,)}
    assert set(history.times_s.tolist()) == {NOW - DAY}
    assert set(history.pages.tolist()) == {PageType.HOME}


def test_events_that_say_nothing_positive_are_left_out(log: EventLog) -> None:
    kinds = (EventType.IMPRESSION, EventType.HIDE, EventType.REMOVE_FROM_CART, EventType.VIEW)
    log.append_events([event("ann", "a", kind=kind) for kind in kinds], "batch")

    assert read_history(log, ["a"], NOW).types.tolist() == [EventType.VIEW]


def test_events_at_or_after_the_time_and_of_unknown_items_are_left_out(log: EventLog) -> None:
    log.append_events([event("ann", "a", NOW), event("ann", "a", NOW - 1), event("ann", "gone")], "batch")

    assert read_history(log, ["a"], NOW).times_s.tolist() == [NOW - 1]


def test_a_linked_session_is_its_user_and_others_are_users_of_their_own(log: EventLog) -> None:
    log.append_events(
        [
            event("ann", "a"),
            event("", "b", session="s-ann"),
            event("", "c", session="s-other"),
            event("", "d", session="s-zoe"),
        ],
        "batch",
    )
    links = [SessionLink("s-ann", "ann", NOW * 1_000_000), SessionLink("s-gone", "bob", 0)]
    log.append_links(links, "links")

    history = read_history(log, ["a", "b", "c", "d"], NOW)

    codes = dict(zip(history.item_rows.tolist(), history.users.tolist(), strict=True))
    assert codes[0] == codes[1]
    assert len({codes[0], codes[2], codes[3]}) == 3


def test_a_session_that_changes_hands_belongs_to_each_user_in_turn(log: EventLog) -> None:
    log.append_events(
        [
            event("ann", "a"),
            event("bob", "b"),
            event("", "c", NOW - 500, session="shared"),
            event("", "d", NOW - 100, session="shared"),
        ],
        "batch",
    )
    times_us = ((NOW - 400) * 1_000_000, (NOW - 200) * 1_000_000)
    log.append_links(
        [SessionLink("shared", "ann", times_us[0]), SessionLink("shared", "bob", times_us[1])], "links"
    )

    history = read_history(log, ["a", "b", "c", "d"], NOW)

    codes = dict(zip(history.item_rows.tolist(), history.users.tolist(), strict=True))
    assert codes[0] == codes[2]
    assert codes[1] == codes[3]


def test_an_empty_log_gives_no_history(log: EventLog) -> None:
    history = read_history(log, ["a"], NOW)

    assert len(history) == 0
    assert history.item_count == 1


def test_the_build_writes_the_arrays_of_the_release_format(log: EventLog, tmp_path: Path) -> None:
    items = {
        "item_id": ["a", "b", "c"],
        "category": ["tea", "tea", None],
        "hidden": [False, False, True],
        "expire_time_s": [0, 0, 0],
    }
    pq.write_table(pa.table(items), tmp_path / "items.parquet")
    log.append_events([event("ann", "a"), event("ann", "b"), event("bob", "b"), event("bob", "c")], "batch")

    summary = build_candidates(tmp_path, log, NOW)

    directory = tmp_path / "candidates"
    files = [f for f in ARRAY_FILES if f.path.startswith(("neighbours/", "popularity/"))]
    arrays = {f.name: np.load(directory / f"{f.name}.npy") for f in files}
    names = json.loads((directory / "lists.json").read_text())
    assert {f.name: f.dtype for f in files} == {name: str(array.dtype) for name, array in arrays.items()}
    assert arrays["neighbour_offsets"].tolist() == [0, 1, 3, 4]
    assert arrays["popularity_offsets"].size == len(names) + 1
    assert names[:2] == ["popular/category/tea", "popular/global"]
    assert 2 not in arrays["popularity_rows"]
    assert (summary.items, summary.users, summary.events, summary.neighbours) == (3, 2, 4, 4)


def test_an_expired_item_is_in_no_popularity_list(log: EventLog, tmp_path: Path) -> None:
    items = {
        "item_id": ["a", "b"],
        "category": ["", ""],
        "hidden": [False, False],
        "expire_time_s": [NOW - 1, NOW + 1],
    }
    pq.write_table(pa.table(items), tmp_path / "items.parquet")
    log.append_events([event("ann", "a")], "batch")

    build_candidates(tmp_path, log, NOW)

    assert set(np.load(tmp_path / "candidates" / "popularity_rows.npy").tolist()) == {1}
