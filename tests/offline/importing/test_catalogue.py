"""The catalogue: imported, patched, and derived from events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.importing.catalog import ITEM_SCHEMA, joined, read_items, read_users, upsert_items
from offline.importing.derive import median_values, most_frequent_values
from offline.importing.identity import RowIds
from offline.importing.run import ImportJob, ImportSummary, run_import


def run(kind: str, content: str, tmp_path: Path, name: str) -> ImportSummary:
    path = tmp_path / name
    path.write_text(content)
    return run_import(ImportJob(kind, [path], tmp_path / "data"), lambda path: lambda done: None)


def test_items_come_in_with_their_columns(tmp_path: Path) -> None:
    header = "item_id,title,category,brand,price,in_stock,promoted,added_time,image_embedding"
    rows = [
        'lamp,A lamp,light,acme,9.5,no,1,2024-05-01T00:00:00+02:00,"[1, 2.5]"',
        "chair,,,,,,,,",
        "sofa,x,y,z,-1,,,,",
        "bed,x,y,z,1,maybe,,,",
        'rug,x,y,z,1,,,,"[1, nan]"',
    ]
    summary = run("items", header + "\n" + "\n".join(rows), tmp_path, "items.csv")
    assert dict(summary.rejected) == {"NEGATIVE_PRICE": 1, "BAD_FLAG": 1, "BAD_VECTOR": 1}
    chair, lamp = read_items(tmp_path / "data").to_pylist()
    assert lamp == {
        "item_id": "lamp",
        "title": "A lamp",
        "category": "light",
        "brand": "acme",
        "price": 9.5,
        "in_stock": False,
        "promoted": True,
        "hidden": False,
        "added_time_s": 1_714_514_400,
        "expire_time_s": 0,
        "image_embedding": [1.0, 2.5],
    }
    assert (chair["title"], chair["price"], chair["in_stock"], chair["image_embedding"]) == (
        "",
        -1.0,
        True,
        None,
    )


def test_a_price_list_changes_prices_and_nothing_else(tmp_path: Path) -> None:
    run("items", "item_id,title,price\nlamp,A lamp,9.5\nchair,A chair,20\n", tmp_path, "items.csv")
    run("items", "item_id,price\nlamp,8\nlamp,7\nrug,3\nchair,\n", tmp_path, "prices.csv")
    items = {i["item_id"]: (i["title"], i["price"]) for i in read_items(tmp_path / "data").to_pylist()}
    assert items == {"lamp": ("A lamp", 7.0), "chair": ("A chair", 20.0), "rug": ("", 3.0)}


def test_events_do_not_take_an_items_title_away(tmp_path: Path) -> None:
    run("items", "item_id,title\nlamp,A lamp\n", tmp_path, "items.csv")
    event = "user_id,item_id,event_type,event_time\nann,lamp,view,2024-05-01\n"
    run("events", event, tmp_path, "events.csv")
    assert read_items(tmp_path / "data").column("title").to_pylist() == ["A lamp"]


def test_an_item_is_as_old_as_its_first_event(tmp_path: Path) -> None:
    header = "user_id,item_id,event_type,event_time\n"
    run("events", header + "ann,lamp,view,2024-05-01\n", tmp_path, "may.csv")
    run("events", header + "ann,lamp,view,2024-06-01\n", tmp_path, "june.csv")
    assert read_items(tmp_path / "data").column("added_time_s").to_pylist() == [1_714_521_600]


def test_users_come_in_with_ages_as_buckets(tmp_path: Path) -> None:
    rows = "ann,34,female,7\nbob,65,,\ncy,17,other,0\ndee,151,,\neve,,,\nfay,20,x,\n"
    summary = run("users", "user_id,age,gender,location_cluster\n" + rows, tmp_path, "users.csv")
    assert dict(summary.rejected) == {"BAD_AGE": 1, "UNKNOWN_GENDER": 1}
    assert [tuple(u.values()) for u in read_users(tmp_path / "data").to_pylist()] == [
        ("ann", 3, 1, 7),
        ("bob", 7, 0, -1),
        ("cy", 1, 3, 0),
        ("eve", 0, 0, -1),
    ]


def test_an_import_that_changes_nothing_leaves_the_file_alone(tmp_path: Path) -> None:
    items = pa.table({"item_id": ["lamp"], "price": [1.0]})
    upsert_items(tmp_path, items)
    before = (tmp_path / "catalog" / "items.parquet").stat()
    upsert_items(tmp_path, items)
    assert (tmp_path / "catalog" / "items.parquet").stat().st_ino == before.st_ino


def counts(rows: list[tuple[str, object, int]]) -> pa.Table:
    ids, values, numbers = zip(*rows, strict=True)
    return pa.table({"item_id": ids, "value": values, "rows": numbers})


def test_the_most_frequent_text_wins_and_ties_go_by_name() -> None:
    rows = [("a", "", 9), ("a", "x", 2), ("a", "y", 3), ("b", "z", 1), ("b", "w", 1), ("c", "", 4)]
    assert most_frequent_values(counts(rows)).to_pylist() == [
        {"item_id": "a", "value": "y"},
        {"item_id": "b", "value": "w"},
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(-1, 5), min_size=1, max_size=9), min_size=1)
)
def test_medians_equal_those_of_the_repeated_values(prices: dict[str, list[int]]) -> None:
    rows = [(item, float(v), values.count(v)) for item, values in prices.items() for v in set(values)]
    expected = {
        item: float(np.median([v for v in values if v >= 0]))
        for item, values in prices.items()
        if max(values) >= 0
    }
    found = median_values(counts(rows)).to_pylist()
    assert {row["item_id"]: row["value"] for row in found} == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["x", "y", "z"]), max_size=6), max_size=6))
def test_row_ids_number_equal_rows_over_all_chunks(chunks: list[list[str]]) -> None:
    ids = RowIds()
    found = [i for chunk in chunks for i in ids.assign(pa.array(chunk, pa.string())).to_pylist()]
    texts = [text for chunk in chunks for text in chunk]
    assert len(set(found)) == len(found)
    for place, (text, row_id) in enumerate(zip(texts, found, strict=True)):
        before = texts[:place].count(text)
        assert row_id == RowIds().assign(pa.array([text])).to_pylist()[0] + (f"-{before}" if before else "")


def test_joining_keeps_the_schema_and_the_order_of_ids() -> None:
    old = joined(ITEM_SCHEMA.empty_table(), pa.table({"item_id": ["c", "a"]}), ITEM_SCHEMA)
    new = joined(old, pa.table({"item_id": ["b"], "image_embedding": pa.array([[1.0]])}), ITEM_SCHEMA)
    assert new.schema == ITEM_SCHEMA
    assert new.column("item_id").to_pylist() == ["a", "b", "c"]
    assert new.column("image_embedding").to_pylist() == [None, [1.0], None]


@pytest.mark.parametrize("kind", ["items", "users"])
def test_a_second_import_of_a_catalogue_changes_nothing(tmp_path: Path, kind: str) -> None:
    content = "item_id,user_id\na,b\nc,d\n,\n"
    run(kind, content, tmp_path, "rows.csv")
    before = {p: p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file()}
    run(kind, content, tmp_path, "rows.csv")
    assert {p: p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file()} == before
