"""Writes the Online Retail split as the files that `shortlist evaluate` reads.

    python -m offline.evaluation.online_retail --out split/ [--kinds]

Clean lines (customer known, no cancellation, quantity above 0) from before 2011-11-09 are train.csv.gz, those from
then on test.csv.gz; --split moves the day. items.csv.gz holds each item's latest title and median price, with --kinds
also a category, the word that the title ends in (BAG, HOLDER, ...). The test period must never choose a setting: for
that, split train itself (--split 2011-10-10 --until 2011-11-09). --source is the shop's file.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from server.features.event_types import EventType

SOURCE = Path(__file__).parents[2] / "datasets" / "online_retail" / "online_retail.csv.gz"
SPLIT_DAY = "2011-11-09"
KIND_ITEMS_MIN = 10
"""Items that end in a word which is a category; fewer are none."""
COLUMNS = {
    "InvoiceNo": pa.string(),
    "StockCode": pa.string(),
    "Description": pa.string(),
    "Quantity": pa.int64(),
    "InvoiceDate": pa.timestamp("s"),
    "UnitPrice": pa.float64(),
    "CustomerID": pa.string(),
}


def clean_lines(source: Path) -> pa.Table:
    """Returns user_id, item_id, event_type, event_time_s, title and price of the clean lines, in file order."""
    options = pcsv.ConvertOptions(
        column_types=COLUMNS, include_columns=list(COLUMNS), strings_can_be_null=True
    )
    lines = pcsv.read_csv(pa.input_stream(source, compression="detect"), convert_options=options)
    clean = pc.and_(
        pc.is_valid(lines.column("CustomerID")),
        pc.and_(
            pc.invert(pc.starts_with(lines.column("InvoiceNo"), "C")),
            pc.greater(lines.column("Quantity"), 0),
        ),
    )
    lines = lines.filter(clean).combine_chunks()
    return pa.table(
        {
            "user_id": pc.replace_substring_regex(lines.column("CustomerID"), r"\.0$", ""),
            "item_id": lines.column("StockCode"),
            "event_type": pa.array(np.full(len(lines), EventType.PURCHASE), pa.uint8()),
            "event_time_s": pc.cast(lines.column("InvoiceDate"), pa.int64()),
            "title": pc.fill_null(lines.column("Description"), ""),
            "price": lines.column("UnitPrice"),
        }
    )


def split_by_day(lines: pa.Table, split_day: str, until_day: str = "") -> tuple[pa.Table, pa.Table]:
    """Returns the lines from before a UTC day, and those from it on (and before until_day, where given)."""
    times = lines.column("event_time_s")
    before = pc.less(times, _day_start(split_day))
    after = pc.invert(before)
    if until_day:
        after = pc.and_(after, pc.less(times, _day_start(until_day)))
    return lines.filter(before), lines.filter(after)


def item_table(lines: pa.Table) -> pa.Table:
    """Returns item_id, title (the latest line's) and price (median), by item id."""
    ordered = lines.sort_by([("item_id", "ascending"), ("event_time_s", "ascending")])
    grouped = ordered.group_by("item_id", use_threads=False).aggregate(
        [("title", "last"), ("price", "approximate_median")]
    )
    names = {"title_last": "title", "price_approximate_median": "price"}
    return grouped.rename_columns([names.get(name, name) for name in grouped.column_names])


def with_kinds(items: pa.Table) -> pa.Table:
    """Returns items with a category: the last word of the title (BAG, HOLDER, ...), if KIND_ITEMS_MIN end in it."""
    kinds = pc.struct_field(pc.extract_regex(items.column("title"), r"(?P<kind>[A-Z]{3,})\W*$"), "kind")
    counted = pc.value_counts(kinds.combine_chunks().drop_null())
    common = counted.field("values").filter(pc.greater_equal(counted.field("counts"), KIND_ITEMS_MIN))
    known = pc.is_in(kinds, value_set=common)
    return items.append_column("category", pc.if_else(known, kinds, ""))


def write_split(source: Path, out: Path, split_day: str, until_day: str = "", *, kinds: bool = False) -> None:
    """Writes train.csv.gz, test.csv.gz and items.csv.gz, these with a category if kinds."""
    train, test = split_by_day(clean_lines(source), split_day, until_day)
    out.mkdir(parents=True, exist_ok=True)
    for name, lines in (("train", train), ("test", test)):
        events = lines.select(["user_id", "item_id"])
        events = events.append_column("event_type", pa.array(["purchase"] * len(lines)))
        events = events.append_column("event_time", lines.column("event_time_s"))
        _write_csv(events, out / f"{name}.csv.gz")
    items = item_table(train)
    _write_csv(with_kinds(items) if kinds else items, out / "items.csv.gz")


def _write_csv(table: pa.Table, path: Path) -> None:
    with pa.CompressedOutputStream(str(path), "gzip") as stream:
        pcsv.write_csv(table, stream)


def _day_start(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def main() -> None:
    """Reads the command line and writes the split."""
    parser = argparse.ArgumentParser(description="Writes the Online Retail split for `shortlist evaluate`.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the three files")
    parser.add_argument("--source", type=Path, default=SOURCE, help="online_retail.csv.gz")
    parser.add_argument("--split", default=SPLIT_DAY, help="first UTC day of test")
    parser.add_argument("--until", default="", help="first UTC day after test; default: no end")
    parser.add_argument("--kinds", action="store_true", help="give the items a category, from their titles")
    options = parser.parse_args()
    write_split(options.source, options.out, options.split, options.until, kinds=options.kinds)


if __name__ == "__main__":
    main()
