"""The events to tune on: those of the data directory or of a file, cut by time into what is known and what is foretold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from server.errors import Refused
from server.stores.event_log import EventLog

MICROSECONDS = 1_000_000
COLUMNS = ("user_id", "item_id", "event_type", "event_time_us", "rating")
ITEM_COLUMNS = ("item_id", "title", "category", "brand", "price", "image_embedding")


def logged_events(data_dir: Path) -> pa.Table:
    """Returns the log's events of named users in the form of offline.evaluation.event_files. Raises Refused."""
    log = EventLog(data_dir / "events")
    with log.reading():
        tables = [pq.ParquetFile(path).read(columns=list(COLUMNS)) for path in log.files()]
    if not tables:
        raise Refused(f"there are no events in {data_dir}: import some first", reason="NOTHING_TO_TUNE_ON")
    table = pa.concat_tables(tables)
    table = table.filter(pc.not_equal(table.column("user_id"), "")).combine_chunks()
    seconds = pc.divide(table.column("event_time_us"), MICROSECONDS)
    return pa.table(
        {
            "user_id": table.column("user_id"),
            "item_id": table.column("item_id"),
            "event_type": pc.cast(table.column("event_type"), pa.uint8()),
            "event_time_s": pc.cast(seconds, pa.int64()),
            "rating": pc.cast(table.column("rating"), pa.float64()),
        }
    )


def logged_items(data_dir: Path) -> pa.Table:
    """Returns the catalogue's columns that an evaluation knows."""
    from offline.importing.catalog import read_items

    items = read_items(data_dir)
    return items.select([name for name in ITEM_COLUMNS if name in items.column_names])


def cut_by_time(events: pa.Table, share: float, until_s: int | None = None) -> tuple[pa.Table, pa.Table]:
    """Returns the events before the last share of them, and that share; none from until_s on is looked at.

    Raises Refused where all events are of one time.
    """
    if until_s is not None:
        events = events.filter(pc.less(events.column("event_time_s"), until_s))
    times = events.column("event_time_s").to_numpy()
    if not len(times):
        raise Refused("there are no events to tune on", reason="NOTHING_TO_TUNE_ON")
    cut_s = int(np.quantile(times, 1 - share, method="higher"))
    before = pc.less(events.column("event_time_s"), cut_s)
    known, later = events.filter(before), events.filter(pc.invert(before))
    if not len(known):
        raise Refused("all events are of one time: nothing comes before", reason="NOTHING_TO_TUNE_ON")
    return known, later
