"""Files of a simulated store's past."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from offline.simulation.history import (
    HistoryPlan,
    item_id,
    item_index,
    read_plan,
    write_history,
)
from offline.simulation.legacy_lists import first_of_each
from offline.simulation.store import StoreShape
from server.errors import InvalidRequest

END_S = 1_760_054_400
SHAPE = StoreShape(items=400, users=60, days=10, future_days=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("store")
    write_history(made, HistoryPlan(SHAPE, 300, END_S), lambda name, done: None)
    return made


def test_the_same_seed_writes_the_same_files(folder: Path, tmp_path: Path) -> None:
    write_history(tmp_path, HistoryPlan(SHAPE, 300, END_S), lambda name, done: None)
    for name in ("items", "users", "events"):
        assert pq.read_table(folder / f"{name}.parquet").equals(pq.read_table(tmp_path / f"{name}.parquet"))


def test_items_of_the_future_are_kept_back(folder: Path) -> None:
    items = pq.read_table(folder / "items.parquet")
    assert 0 < items.num_rows < SHAPE.items
    assert max(items.column("added_time").to_pylist()).timestamp() <= END_S
    events = pq.read_table(folder / "events.parquet")
    assert set(events.column("item_id").to_pylist()) <= set(items.column("item_id").to_pylist())


def test_events_lie_within_the_history_and_have_ids_of_their_own(folder: Path) -> None:
    events = pq.read_table(folder / "events.parquet")
    times = [time.timestamp() for time in events.column("event_time").to_pylist()]
    assert END_S - SHAPE.days * 86_400 <= min(times)
    assert max(times) < END_S
    assert len(set(events.column("event_id").to_pylist())) == events.num_rows
    assert set(events.column("event_type").to_pylist()) >= {"view", "impression", "purchase"}


def test_no_item_is_seen_before_it_is_there(folder: Path) -> None:
    items = pq.read_table(folder / "items.parquet")
    added = dict(
        zip(items.column("item_id").to_pylist(), items.column("added_time").to_pylist(), strict=True)
    )
    events = pq.read_table(folder / "events.parquet")
    pairs = zip(events.column("item_id").to_pylist(), events.column("event_time").to_pylist(), strict=True)
    assert all(time >= added[item] for item, time in pairs if time is not None)


def test_every_click_on_a_list_has_its_impression(folder: Path) -> None:
    rows = pq.read_table(folder / "events.parquet").to_pylist()
    shown = {
        (r["recommendation_id"], r["item_id"], r["position"]) for r in rows if r["event_type"] == "impression"
    }
    clicked = {
        (r["recommendation_id"], r["item_id"], r["position"]) for r in rows if r["event_type"] == "click"
    }
    assert clicked <= shown


def test_the_plan_is_read_back_and_another_folder_refused(folder: Path, tmp_path: Path) -> None:
    assert read_plan(folder) == HistoryPlan(SHAPE, 300, END_S)
    with pytest.raises(InvalidRequest, match="is no store"):
        read_plan(tmp_path)


def test_ids_name_their_index() -> None:
    assert item_index(item_id(9_999_999)) == 9_999_999


def test_first_of_each_marks_the_first_place_of_a_value() -> None:
    lists = np.array([[3, 3, 1, 3], [2, 5, 2, 5]])
    assert first_of_each(lists).tolist() == [[True, False, True, False], [True, True, False, False]]
