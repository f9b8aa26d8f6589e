"""The same events from every kind of file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offline.evaluation.event_files import epoch_seconds, line_times, read_events, read_items
from server.errors import InvalidRequest
from server.features.event_types import EventType

ROWS = [
    {"user_id": "7", "item_id": "007", "event_type": "view", "event_time": "2011-11-08T10:00:00Z"},
    {"user_id": "8", "item_id": "x,y", "event_type": "purchase", "event_time": "2011-11-08T12:00:00+02:00"},
]


def write(path: Path) -> Path:
    lines = [json.dumps(row) for row in ROWS]
    if ".csv" in path.suffixes:
        lines = [",".join(ROWS[0]), *(",".join(f'"{v}"' for v in row.values()) for row in ROWS)]
    if ".parquet" in path.suffixes:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
    else:
        path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("name", ["e.csv", "e.csv.gz", "e.jsonl", "e.jsonl.gz", "e.parquet"])
def test_every_kind_of_file_reads_alike(tmp_path: Path, name: str) -> None:
    events = read_events(write(tmp_path / name))

    assert events.column("user_id").to_pylist() == ["7", "8"]
    assert events.column("item_id").to_pylist() == ["007", "x,y"]
    assert events.column("event_type").to_pylist() == [EventType.VIEW, EventType.PURCHASE]
    assert events.column("event_time_s").to_pylist() == [1320746400, 1320746400]
    assert events.column("rating").to_pylist() == [-1.0, -1.0]


def test_without_times_the_order_of_lines_counts(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("item_id,user_id\na,u\nb,u\n")

    events = read_events(path)

    assert events.column("event_time_s").to_pylist() == [0, 1]
    assert set(events.column("event_type").to_pylist()) == {EventType.PURCHASE}


def test_lines_that_come_user_by_user_spread_over_all_of_the_time() -> None:
    lines = ["a"] * 4 + ["b"] * 2 + ["c"] * 4
    times = line_times(pa.chunked_array([lines]))
    assert sorted(times) == list(range(len(lines)))
    for user in "abc":
        own = times[[line == user for line in lines]]
        assert (np.diff(own) > 0).all()
    newest = [lines[at] for at in np.argsort(times)[-3:]]
    assert sorted(newest) == ["a", "b", "c"]


def test_lines_of_users_who_alternate_keep_their_order() -> None:
    np.testing.assert_array_equal(line_times(pa.chunked_array([["a", "b", "a", "b"]])), np.arange(4))


def test_rows_without_an_id_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("user_id,item_id,rating\nu,a,4.5\n,b,3\nu,,2\nv,c,\n")

    events = read_events(path)

    assert events.column("item_id").to_pylist() == ["a", "c"]
    assert events.column("rating").to_pylist() == [4.5, -1.0]


@pytest.mark.parametrize(
    "values", [[1320746400, 1320746401], [1320746400000, 1320746401000], [1320746400000000, 1320746401999999]]
)
def test_numbers_are_seconds_milliseconds_or_microseconds_by_their_size(values: list[int]) -> None:
    assert epoch_seconds(pa.chunked_array([values])).tolist() == [1320746400, 1320746401]
    assert epoch_seconds(pa.chunked_array([[str(v) for v in values]])).tolist() == [1320746400, 1320746401]


def test_a_time_without_a_zone_is_utc() -> None:
    times = pa.chunked_array([["2011-11-08 10:00:00", "2011-11-08 10:00:00 UTC"]])

    assert epoch_seconds(times).tolist() == [1320746400, 1320746400]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("user_id,product\nu,a\n")

    with pytest.raises(InvalidRequest, match="item_id"):
        read_events(path)


def test_an_unknown_event_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("user_id,item_id,event_type\nu,a,stare\n")

    with pytest.raises(InvalidRequest, match="stare"):
        read_events(path)


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"\.parquet"):
        read_events(tmp_path / "e.xlsx")


def test_an_items_file_may_hold_any_of_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    rows = [{"item_id": "a", "title": "Lamp", "image_embedding": [0.5, 1.0]}, {"item_id": "b"}]
    path.write_text("\n".join(json.dumps(row) for row in rows))

    items = read_items(path)

    assert items.column_names == ["item_id", "title", "image_embedding"]
    assert items.column("image_embedding").to_pylist() == [[0.5, 1.0], None]
