"""The train file as a data directory: what `shortlist import` would have made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from offline.importing.catalog import upsert_items
from server.stores.event_log import EVENT_LOG_SCHEMA, EventLog

MICROSECONDS = 1_000_000


def write_training_data(data_dir: Path, events: pa.Table, items: pa.Table | None) -> None:
    """Writes the event log and the catalogue.

    events, items: as event_files reads them. Items that no event names are left out: what is not in train can
    be no answer. An item was added when it was first seen.
    """
    EventLog(data_dir / "events").append_table(event_log_table(events), "train")
    upsert_items(data_dir, catalogue(events, items))


def event_log_table(events: pa.Table) -> pa.Table:
    """Returns events as EVENT_LOG_SCHEMA; their ids ascend with the lines, which settles the order at equal times."""
    count = len(events)
    given = {
        "event_id": pa.array([f"train-{line:010d}" for line in range(count)]),
        "user_id": events.column("user_id"),
        "item_id": events.column("item_id"),
        "event_type": events.column("event_type"),
        "event_time_us": pc.multiply(events.column("event_time_s"), MICROSECONDS),
        "rating": events.column("rating"),
    }
    unknown = {"dwell_time_ms": -1, "position": -1, "quantity": 1.0, "price": -1.0}
    columns = []
    for field in EVENT_LOG_SCHEMA:
        if field.name in given:
            columns.append(pc.cast(given[field.name], field.type))
        else:
            default = unknown.get(field.name, "" if pa.types.is_string(field.type) else 0)
            columns.append(pa.array(np.full(count, default), field.type))
    return pa.Table.from_arrays(columns, schema=EVENT_LOG_SCHEMA)


def catalogue(events: pa.Table, items: pa.Table | None) -> pa.Table:
    """Returns item_id, added_time_s and the items' own columns, one row an item of train."""
    seen = events.group_by("item_id").aggregate([("event_time_s", "min")])
    seen = seen.rename_columns(
        [name if name == "item_id" else "added_time_s" for name in seen.column_names]
    ).combine_chunks()
    if items is None:
        return seen
    ids = items.column("item_id").combine_chunks()
    places = pc.index_in(seen.column("item_id"), value_set=ids)
    for name in items.column_names:
        if name != "item_id":
            seen = seen.append_column(name, items.column(name).take(places))
    return seen
