"""work/items.parquet: rows, codes and keys of the next release."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offline.engine import opened_engine
from offline.features import items_file
from offline.features.histories import ITEM_COLUMNS
from offline.features.item_windows import ItemWindows
from offline.importing.catalog import ITEM_SCHEMA, joined
from server.errors import Refused
from server.features.event_types import EventType
from server.features.identity import item_key


def catalogue() -> pa.Table:
    items = pa.table(
        {
            "item_id": ["d", "c", "b", "a"],
            "category": ["light", "", "chair", "light"],
            "brand": ["zed", "acme", "", "acme"],
            "price": [1.1, -1.0, 3.0, 4.0],
            "added_time_s": [86_400, 0, 86_400 * 11, 0],
        }
    )
    return joined(ITEM_SCHEMA.empty_table(), items, ITEM_SCHEMA)


def test_rows_are_grouped_by_category_and_then_ordered_by_id() -> None:
    rows = items_file.release_rows(catalogue())
    assert rows.column("item_id").to_pylist() == ["c", "b", "a", "d"]
    assert rows.column("item_row").to_pylist() == [0, 1, 2, 3]
    assert rows.column("category_code").to_pylist() == [-1, 0, 1, 1]
    assert rows.column("brand_code").to_pylist() == [0, -1, 0, 1]
    assert rows.column("item_key").to_pylist() == [item_key(i) for i in "cbad"]


def test_two_items_of_one_key_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items_file, "item_key", lambda item_id: 7)
    with pytest.raises(Refused, match="same key"):
        items_file.release_rows(catalogue())


def test_prices_are_those_that_the_release_will_hold() -> None:
    items = items_file.engine_items(items_file.release_rows(catalogue()))
    assert tuple(items.column_names) == ITEM_COLUMNS
    assert items.column("price").to_pylist() == [-1.0, 3.0, 4.0, pytest.approx(1.1, abs=1e-7)]
    assert items.column("price")[3].as_py() != 1.1


def test_the_file_holds_catalogue_and_features_as_of_the_build(tmp_path: Path) -> None:
    rows = items_file.release_rows(catalogue())
    as_of_s = 10 * 86_400
    events = pa.table(
        {
            "item_row": pa.array([1, 1, 1, 3], pa.int32()),
            "time_s": pa.array([as_of_s - 1, as_of_s - 8 * 86_400, as_of_s - 5, as_of_s - 9], pa.int64()),
            "event_type": pa.array(
                [EventType.VIEW, EventType.VIEW, EventType.PURCHASE, EventType.RATING], pa.int8()
            ),
            "rating": [-1.0, -1.0, -1.0, 4.0],
        }
    )
    with opened_engine(tmp_path / "spill", threads=1) as engine:
        windows = ItemWindows.read(engine, engine.from_arrow(events))
    items_file.write_items_file(windows, rows, as_of_s, tmp_path)
    written = pq.read_table(tmp_path / items_file.ITEMS_FILE)
    assert written.column("item_id").to_pylist() == ["c", "b", "a", "d"]
    assert written.column("view_count_7d").to_pylist() == [0, 1, 0, 0]
    assert written.column("purchase_count_7d").to_pylist() == [0, 1, 0, 0]
    assert written.column("avg_rating").to_pylist() == [0, 0, 0, 4]
    assert written.column("num_ratings").to_pylist() == [0, 0, 0, 1]
    assert written.column("days_since_added").to_pylist() == [10, 0, 10, 9]
