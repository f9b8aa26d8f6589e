"""The two presets on real rows."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from offline.importing.run import ImportJob, ImportSummary, run_import
from server.features.event_types import EventType
from server.stores.event_log import EventLog

REPOSITORY = Path(__file__).resolve().parents[3]
ONLINE_RETAIL = REPOSITORY / "datasets" / "online_retail" / "online_retail.csv.gz"
REES46 = REPOSITORY / "tests" / "data" / "rees46" / "2019-Oct-head-300.csv.gz"


def imported(path: Path, preset: str, data_dir: Path) -> ImportSummary:
    return run_import(ImportJob("events", [path], data_dir, preset), lambda path: lambda done: None)


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImportSummary, Path]:
    data_dir = tmp_path_factory.mktemp("retail")
    return imported(ONLINE_RETAIL, "online-retail", data_dir), data_dir


def test_online_retail_gives_the_reference_counts(retail: tuple[ImportSummary, Path]) -> None:
    summary, data_dir = retail
    assert summary.rows == 541_909
    assert (summary.kept, summary.stored) == (397_924, 397_924)
    assert dict(summary.rejected) == {"MISSING_USER": 135_080, "CANCELLED_INVOICE": 8_905}
    log = EventLog(data_dir / "events")
    assert log.row_count() == 397_924
    assert (log.days()[0], log.days()[-1], len(log.days())) == ("2010-12-01", "2011-12-09", 305)
    assert len(pc.unique(log.read().column("user_id"))) == 4_339


def test_online_retail_fills_the_catalogue(retail: tuple[ImportSummary, Path]) -> None:
    items = {i["item_id"]: i for i in pq.read_table(retail[1] / "catalog" / "items.parquet").to_pylist()}
    assert len(items) == 3_665
    lamp = items["85123A"]
    assert lamp["title"] == "WHITE HANGING HEART T-LIGHT HOLDER"
    assert lamp["price"] == 2.95
    assert lamp["added_time_s"] == 1_291_191_960  # 2010-12-01 08:26:00
    assert all(item["title"] and item["price"] >= 0 for item in items.values())


def test_online_retail_ids_are_whole_numbers(retail: tuple[ImportSummary, Path]) -> None:
    users = pc.unique(EventLog(retail[1] / "events").read().column("user_id")).to_pylist()
    assert "17850" in users
    assert not [user for user in users if "." in user]


def test_every_online_retail_reject_has_its_own_line(retail: tuple[ImportSummary, Path]) -> None:
    lines = (retail[1] / "rejects" / "events-online_retail.jsonl").read_bytes().splitlines()
    numbers = [json.loads(line)["line"] for line in lines]
    assert len(set(numbers)) == 143_985
    assert numbers == sorted(numbers)
    with gzip.open(ONLINE_RETAIL, "rt") as file:
        text = next(line for number, line in enumerate(file, 1) if number == numbers[0])
    assert text.startswith(json.loads(lines[0])["row"]["InvoiceNo"] + ",")


def test_rees46_events_and_items_come_in_whole(tmp_path: Path) -> None:
    summary = imported(REES46, "rees46", tmp_path)
    assert (summary.rows, summary.kept) == (300, 300)
    events = EventLog(tmp_path / "events").read()
    with gzip.open(REES46, "rt") as file:
        kinds = Counter(line.split(",")[1] for line in list(file)[1:])
    stored = Counter(events.column("event_type").to_pylist())
    assert stored[EventType.VIEW] == kinds["view"]
    assert stored[EventType.ADD_TO_CART] == kinds["cart"]
    assert stored[EventType.PURCHASE] == kinds["purchase"]
    assert all(events.column("session_id").to_pylist())
    first = events.sort_by("event_time_us").column("event_time_us")[0].as_py()
    assert first == 1_569_888_000_000_000  # 2019-10-01 00:00:00 UTC
    items = {i["item_id"]: i for i in pq.read_table(tmp_path / "catalog" / "items.parquet").to_pylist()}
    heater = items["3900821"]
    assert (heater["category"], heater["brand"]) == ("appliances.environment.water_heater", "aqua")
    assert heater["price"] == 33.2
