"""Item features as of the start of every UTC day: the values on the days on which they change.

Training reads items as of the start of an example's day. Between events an item's values change only as days
pass out of a window, so a few rows for each active day say everything: `work/features/item_days.parquet`.
"""

from __future__ import annotations

from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.expr.types import Table
from numpy.typing import NDArray

from offline.engine import Engine
from offline.features.items import (
    DAY_S,
    ITEM_FEATURE_SCHEMA,
    MEAN_RATE_DAYS,
    TREND_DAYS,
    item_features,
)

ITEM_DAYS_FILE = "item_days.parquet"
FEATURES = tuple(name for name in ITEM_FEATURE_SCHEMA if name != "pair_id")
CHANGE_DAYS = (*range(1, TREND_DAYS + 2), MEAN_RATE_DAYS + 1)
"""An event of day d changes the values as of the start of these days after d, and of no others."""

_DAY_BITS = 24


def change_days(events: Table) -> Table:
    """Returns distinct (item_row, day): where item features as of the start of a day may differ from the day before.

    events: items.item_events.
    """
    active = events.select("item_row", event_day=events.time_s // DAY_S).distinct()
    changes = [
        active.select("item_row", day=(active.event_day + after).cast("int64")) for after in CHANGE_DAYS
    ]
    return ibis.union(*changes, distinct=True)


def numbered_pairs(changes: Table) -> Table:
    """Returns (pair_id, item_row, as_of_s, day), in the order of item and day."""
    order = ibis.window(order_by=[changes.item_row, changes.day])
    return changes.select(
        pair_id=ibis.row_number().over(order).cast("int64"),
        item_row=changes.item_row,
        day=changes.day,
        as_of_s=(changes.day * DAY_S).cast("int64"),
    )


def write_item_days(engine: Engine, events: Table, directory: Path) -> None:
    """Writes ITEM_DAYS_FILE: item_row, day and FEATURES, by item and day."""
    pairs = engine.keep(numbered_pairs(change_days(events)))
    values = item_features(pairs, events)
    joined = pairs.join(values, "pair_id").order_by("pair_id")
    columns = joined.select(
        item_row=joined.item_row.cast("int32"),
        day=joined.day.cast("int32"),
        **{n: joined[n] for n in FEATURES},
    )
    pq.write_table(engine.to_arrow(columns), directory / ITEM_DAYS_FILE, compression="zstd")
    engine.drop(pairs)


class ItemDays:
    """Item features by day, for I items. days since 1970-01-01."""

    def __init__(self, table: pa.Table, item_count: int) -> None:
        """table: of ITEM_DAYS_FILE."""
        rows = table.column("item_row").to_numpy().astype(np.int64)
        self._keys = (rows << _DAY_BITS) | table.column("day").to_numpy()
        self._rows = rows
        self._columns = {name: table.column(name).to_numpy().astype(np.float32) for name in FEATURES}
        self._wanted = np.arange(item_count, dtype=np.int64) << _DAY_BITS

    @classmethod
    def load(cls, directory: Path, item_count: int) -> ItemDays:
        """Returns what write_item_days wrote to a directory."""
        return cls(pq.read_table(directory / ITEM_DAYS_FILE), item_count)

    def at(self, day: int) -> dict[str, NDArray[np.float32]]:
        """Returns float32[I] by name in FEATURES, as of the start of a day; 0 for an item without earlier events."""
        place = np.searchsorted(self._keys, self._wanted | day, "right") - 1
        found = place >= 0
        found[found] = self._rows[place[found]] == np.flatnonzero(found)
        columns = {}
        for name, values in self._columns.items():
            column = np.zeros(len(self._wanted), np.float32)
            column[found] = values[place[found]]
            columns[name] = column
        return columns
