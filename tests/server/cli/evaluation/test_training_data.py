"""A train file becomes an event log and a catalogue."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from offline.importing.catalog import read_items
from server.cli.evaluation.training_data import write_training_data
from server.features.event_types import EventType
from server.stores.event_log import EVENT_LOG_SCHEMA, EventLog


@pytest.fixture
def events() -> pa.Table:
    return pa.table(
        {
            "user_id": ["ann", "ann", "bob"],
            "item_id": ["lamp", "mug", "lamp"],
            "event_type": pa.array([EventType.PURCHASE, EventType.VIEW, EventType.RATING], pa.uint8()),
            "event_time_s": pa.array([200, 200, 100], pa.int64()),
            "rating": [-1.0, -1.0, 4.5],
        }
    )


def test_every_event_is_in_the_log_in_the_order_of_time_then_line(tmp_path: Path, events: pa.Table) -> None:
    write_training_data(tmp_path, events, None)

    stored = EventLog(tmp_path / "events").read()
    assert stored.schema.equals(EVENT_LOG_SCHEMA)
    assert stored.column("user_id").to_pylist() == ["bob", "ann", "ann"]
    assert stored.column("item_id").to_pylist() == ["lamp", "lamp", "mug"]
    assert stored.column("event_time_us").to_pylist() == [100_000_000, 200_000_000, 200_000_000]
    assert stored.column("rating").to_pylist() == [4.5, -1.0, -1.0]
    assert stored.column("position").to_pylist() == [-1, -1, -1]


def test_items_of_train_are_catalogued_with_what_the_items_file_says(
    tmp_path: Path, events: pa.Table
) -> None:
    items = pa.table(
        {"item_id": ["mug", "sofa"], "title": ["Mug", "Sofa"], "price": [3.5, 900.0], "category": ["tea", ""]}
    )

    write_training_data(tmp_path, events, items)

    rows = {row["item_id"]: row for row in read_items(tmp_path).to_pylist()}
    assert set(rows) == {"lamp", "mug"}
    assert (rows["mug"]["title"], rows["mug"]["price"], rows["mug"]["category"]) == ("Mug", 3.5, "tea")
    assert (rows["lamp"]["title"], rows["lamp"]["price"], rows["lamp"]["category"]) == ("", -1.0, "")


def test_an_item_was_added_when_it_was_first_seen(tmp_path: Path, events: pa.Table) -> None:
    write_training_data(tmp_path, events, None)

    added = {row["item_id"]: row["added_time_s"] for row in read_items(tmp_path).to_pylist()}
    assert added == {"lamp": 100, "mug": 200}
