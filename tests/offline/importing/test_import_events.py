"""Importing events: what stays, what is rejected and why, and that a second import changes nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offline.importing.refusals import ImportRefused
from offline.importing.run import ImportJob, ImportSummary, run_import
from server.features.event_types import DeviceType, EventType, PageType
from server.stores.event_log import EventLog

HEADER = "user_id,item_id,event_type,event_time"
DAY = "2024-05-01T10:00:00Z"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def do_import(tmp_path: Path, data_dir: Path) -> Callable[..., ImportSummary]:
    def run(content: str | bytes, name: str = "events.csv", mapping: str = "") -> ImportSummary:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        mapping_path = None
        if mapping:
            mapping_path = tmp_path / "mapping.toml"
            mapping_path.write_text(mapping)
        job = ImportJob("events", [path], data_dir, mapping_path=mapping_path)
        return run_import(job, lambda path: lambda done: None)

    return run


def rejects(data_dir: Path, name: str = "events-events") -> list[tuple[int, str]]:
    lines = (data_dir / "rejects" / f"{name}.jsonl").read_text().splitlines()
    return [(row["line"], row["reason"]) for row in map(json.loads, lines)]


def stored(data_dir: Path) -> list[dict[str, object]]:
    return EventLog(data_dir / "events").read().sort_by("event_time_us").to_pylist()


def test_columns_of_the_fields_names_need_no_mapping(
    do_import: Callable[..., ImportSummary], data_dir: Path
) -> None:
    header = "event_id,user_id,session_id,item_id,event_type,event_time,device_type,page_type,rating,position,extra"
    summary = do_import(f"{header}\ne1,ann,s1,lamp,RATING,{DAY},mobile,HOME,4.5,7,x\n")
    assert (summary.rows, summary.kept, summary.stored) == (1, 1, 1)
    row = stored(data_dir)[0]
    assert row["event_id"] == "e1"
    assert (row["user_id"], row["session_id"], row["item_id"]) == ("ann", "s1", "lamp")
    assert row["event_type"] == EventType.RATING
    assert (row["device_type"], row["page_type"]) == (DeviceType.MOBILE, PageType.HOME)
    assert (row["rating"], row["position"], row["dwell_time_ms"], row["price"]) == (4.5, 7, -1, -1.0)
    assert row["event_time_us"] == 1_714_557_600_000_000


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f",lamp,view,{DAY},1,1,", "MISSING_USER"),
        (f"ann,,view,{DAY},1,1,", "MISSING_ITEM"),
        ("ann,lamp,view,,1,1,", "BAD_TIME"),
        ("ann,lamp,view,yesterday,1,1,", "BAD_TIME"),
        ("ann,lamp,view,2024-02-30 10:00:00,1,1,", "BAD_TIME"),
        ("ann,lamp,view,2024-05-01 25:00:00,1,1,", "BAD_TIME"),
        (f"ann,lamp,stare,{DAY},1,1,", "UNKNOWN_EVENT_TYPE"),
        (f"ann,lamp,,{DAY},1,1,", "UNKNOWN_EVENT_TYPE"),
        (f"ann,lamp,view,{DAY},0,1,", "NON_POSITIVE_QUANTITY"),
        (f"ann,lamp,view,{DAY},many,1,", "NON_POSITIVE_QUANTITY"),
        (f"ann,lamp,view,{DAY},1,-0.01,", "NEGATIVE_PRICE"),
        (f"ann,lamp,view,{DAY},1,nan,", "NEGATIVE_PRICE"),
        (f"ann,lamp,view,{DAY},1,1e999,", "NEGATIVE_PRICE"),
        (f"{'a' * 129},lamp,view,{DAY},1,1,", "ID_TOO_LONG"),
        (f"ann,{'ä' * 65},view,{DAY},1,1,", "ID_TOO_LONG"),
        (f"ann,lamp,view,{DAY},1,1,5.1", "BAD_RATING"),
        (f"ann,lamp,view,{DAY},1", "COLUMN_COUNT"),
        (f"ann,lamp,view,{DAY},1,1,,,", "COLUMN_COUNT"),
        (",,,,,,", "EMPTY_LINE"),
        ("", "EMPTY_LINE"),
    ],
)
def test_a_wrong_row_is_rejected_with_its_line_and_reason(
    do_import: Callable[..., ImportSummary], data_dir: Path, row: str, reason: str
) -> None:
    good = f"ann,lamp,view,{DAY},2,1.5,"
    summary = do_import(f"{HEADER},quantity,price,rating\n{good}\n{row}\n{good}\n")
    assert (summary.kept, dict(summary.rejected)) == (2, {reason: 1})
    assert rejects(data_dir) == [(3, reason)]


def test_values_at_the_limits_are_kept(do_import: Callable[..., ImportSummary]) -> None:
    rows = [f"{'a' * 128},lamp,view,{DAY},0.5,0,0", f"ann,lamp,view,{DAY},,,5"]
    assert do_import(f"{HEADER},quantity,price,rating\n" + "\n".join(rows)).kept == 2


def test_the_rejects_hold_the_raw_row(do_import: Callable[..., ImportSummary], data_dir: Path) -> None:
    do_import(f"{HEADER},note\n,lamp,view,{DAY},keep me\nann,lamp\n")
    lines = (data_dir / "rejects" / "events-events.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["row"]["note"] == "keep me"
    assert json.loads(lines[1])["row"] == "ann,lamp"


def test_line_numbers_are_those_of_an_editor_when_values_hold_line_breaks(
    do_import: Callable[..., ImportSummary], data_dir: Path
) -> None:
    rows = [f'ann,lamp,view,{DAY},"two\nlines"', f",lamp,view,{DAY},x", "short", f",lamp,view,{DAY},x"]
    do_import(f"{HEADER},note\n" + "\n".join(rows))
    assert rejects(data_dir) == [(4, "MISSING_USER"), (5, "COLUMN_COUNT"), (6, "MISSING_USER")]


def test_bad_lines_are_found_over_many_blocks(
    do_import: Callable[..., ImportSummary], data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offline.importing.readers.BLOCK_BYTES", 300)
    rows = [f"ann,lamp,view,{DAY}" if n % 7 else "bad" for n in range(2, 400)]
    summary = do_import(f"{HEADER}\n" + "\n".join(rows) + "\n")
    bad = [n for n in range(2, 400) if n % 7 == 0]
    assert rejects(data_dir) == [(n, "COLUMN_COUNT") for n in bad]
    assert summary.kept == 398 - len(bad)


def test_a_file_of_bad_lines_only_is_all_rejected(
    do_import: Callable[..., ImportSummary], data_dir: Path
) -> None:
    summary = do_import(f"{HEADER}\nx\ny\n")
    assert (summary.rows, summary.kept) == (2, 0)
    assert rejects(data_dir) == [(2, "COLUMN_COUNT"), (3, "COLUMN_COUNT")]


def test_importing_twice_changes_nothing(do_import: Callable[..., ImportSummary], data_dir: Path) -> None:
    content = f"{HEADER}\nann,lamp,view,{DAY}\nbob,lamp,view,{DAY}\n,lamp,view,{DAY}\n"
    do_import(content)
    before = {p: p.read_bytes() for p in data_dir.rglob("*") if p.is_file()}
    again = do_import(content)
    assert (again.kept, again.stored, again.duplicates) == (2, 0, 2)
    assert {p: p.read_bytes() for p in data_dir.rglob("*") if p.is_file()} == before


def test_equal_lines_are_different_events(do_import: Callable[..., ImportSummary], data_dir: Path) -> None:
    line = f"ann,lamp,purchase,{DAY}\n"
    assert do_import(f"{HEADER}\n{line * 5}").stored == 5
    assert do_import(f"{HEADER}\n{line * 5}").stored == 0
    assert do_import(f"{HEADER}\n{line * 6}").stored == 1
    assert len(stored(data_dir)) == 6


def test_an_event_id_of_the_file_is_the_events_identity(do_import: Callable[..., ImportSummary]) -> None:
    rows = [f"e1,ann,lamp,view,{DAY}", f"e1,ann,lamp,view,{DAY}", f",ann,lamp,view,{DAY}"]
    summary = do_import(f"event_id,{HEADER}\n" + "\n".join(rows))
    assert (summary.stored, summary.duplicates) == (2, 1)


def test_the_same_rows_compressed_are_the_same_events(
    do_import: Callable[..., ImportSummary], data_dir: Path
) -> None:
    content = f"{HEADER}\nann,lamp,view,{DAY}\n".encode()
    do_import(content)
    assert do_import(gzip.compress(content), "other-name.csv.gz").stored == 0


def test_json_lines_are_read_with_their_own_types(
    do_import: Callable[..., ImportSummary], data_dir: Path
) -> None:
    event = {"user_id": 17, "item_id": "lamp", "event_type": "view", "event_time": 1714557600, "price": 9.5}
    lines = [json.dumps(event), "{broken", "", "[1]", json.dumps({**event, "user_id": None})]
    mapping = '[events]\nuser_id="user_id"\nitem_id="item_id"\nevent_type="event_type"\nprice="price"\n'
    mapping += 'event_time={column="event_time", unit="s"}\n'
    summary = do_import("\n".join(lines), "log.jsonl", mapping)
    assert rejects(data_dir, "events-log") == [(2, "BAD_JSON"), (4, "BAD_JSON"), (5, "MISSING_USER")]
    row = stored(data_dir)[0]
    assert (row["user_id"], row["price"], row["event_time_us"]) == ("17", 9.5, 1_714_557_600_000_000)
    assert summary.kept == 1


@pytest.mark.parametrize("name", ["log.parquet", "log.parquet.gz"])
def test_parquet_is_read_with_its_own_types(
    do_import: Callable[..., ImportSummary], data_dir: Path, tmp_path: Path, name: str
) -> None:
    table = pa.table(
        {
            "user_id": pa.array([17850.0, None]),
            "item_id": pa.array([5, 6]),
            "event_type": pa.array(["view", "view"]).dictionary_encode(),
            "event_time": pa.array([1_714_557_600_000_000] * 2, pa.timestamp("us", "Europe/Berlin")),
        }
    )
    pq.write_table(table, tmp_path / "made.parquet")
    content = (tmp_path / "made.parquet").read_bytes()
    do_import(gzip.compress(content) if name.endswith(".gz") else content, name)
    row = stored(data_dir)[0]
    assert (row["user_id"], row["item_id"], row["event_time_us"]) == ("17850", "5", 1_714_557_600_000_000)
    assert rejects(data_dir, "events-log") == [(2, "MISSING_USER")]


def test_items_of_kept_events_enter_the_catalogue(
    do_import: Callable[..., ImportSummary], data_dir: Path
) -> None:
    do_import(f"{HEADER}\nann,lamp,view,{DAY}\nann,lamp,view,2024-04-01\n,chair,view,{DAY}\n")
    items = pq.read_table(data_dir / "catalog" / "items.parquet").to_pylist()
    assert [(i["item_id"], i["added_time_s"], i["in_stock"]) for i in items] == [
        ("lamp", 1_711_929_600, True)
    ]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("user_id,item_id\nann,lamp\n", "e.csv", r"e\.csv: events need event_time, event_type"),
        ("item_id,event_type,event_time\n", "e.csv", "user_id or session_id"),
        ("a,a\n1,2\n", "e.csv", "line 1 names a twice"),
        ("", "e.csv", "is empty"),
        ("x", "e.xls", r"neither \.csv, \.jsonl nor \.parquet"),
        (b"\x1f\x8b broken", "e.csv.gz", r"e\.csv\.gz: "),
        (b"no parquet", "e.parquet", r"e\.parquet: "),
        ("[]\n", "e.jsonl", "line 1 is no JSON object"),
        (f"{HEADER}\nann,l".encode() + b"\xff,view,x\n", "e.csv", r"e\.csv: .*UTF8"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_by_name(
    do_import: Callable[..., ImportSummary], content: str | bytes, name: str, message: str
) -> None:
    with pytest.raises(ImportRefused, match=message):
        do_import(content, name)


def test_a_refused_file_leaves_no_rejects_behind(
    do_import: Callable[..., ImportSummary], data_dir: Path
) -> None:
    with pytest.raises(ImportRefused):
        do_import(f"{HEADER}\n,l,view,x\nann,l".encode() + b"\xff,view,x\n")
    assert not list((data_dir / "rejects").iterdir())


def test_files_of_one_name_are_refused(tmp_path: Path, data_dir: Path) -> None:
    paths = [tmp_path / "a" / "e.csv", tmp_path / "b" / "e.csv.gz"]
    with pytest.raises(ImportRefused, match="same name"):
        run_import(ImportJob("events", paths, data_dir), lambda path: lambda done: None)
