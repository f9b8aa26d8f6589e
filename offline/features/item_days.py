"""Item features as of the start of every UTC day: the values on the days on which they change.

Training reads items as of the start of an example's day. Between events an item's values change only as days
pass out of a window, so a few rows for each active day say everything: `work/features/item_days.parquet`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offline.features.item_windows import FEATURES, ItemWindows
from offline.features.items import DAY_S, MEAN_RATE_DAYS, TREND_DAYS

ITEM_DAYS_FILE = "item_days.parquet"
CHANGE_DAYS = (*range(1, TREND_DAYS + 2), MEAN_RATE_DAYS + 1)
"""An event of day d changes the values as of the start of these days after d, and of no others."""

_DAY_BITS = 24
_BLOCK_PAIRS = 1 << 20


def change_keys(windows: ItemWindows) -> NDArray[np.int64]:
    """Returns item_row << 24 | day, ascending: where item features as of a day's start may differ from the day before."""
    active = _distinct((windows.rows << _DAY_BITS) | (windows.times_s // DAY_S))
    # A stable sort joins what is in order already.
    return _distinct(np.sort(np.concatenate([active + after for after in CHANGE_DAYS]), kind="stable"))


def _distinct(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    kept: NDArray[np.int64] = ascending[np.diff(ascending, prepend=-1) != 0]
    return kept


def write_item_days(windows: ItemWindows, directory: Path) -> None:
    """Writes ITEM_DAYS_FILE: item_row, day and FEATURES, by item and day."""
    keys = change_keys(windows)
    schema = pa.schema(
        [("item_row", pa.int32()), ("day", pa.int32()), *((name, pa.float32()) for name in FEATURES)]
    )
    with pq.ParquetWriter(directory / ITEM_DAYS_FILE, schema, compression="zstd") as writer:
        for start in range(0, len(keys), _BLOCK_PAIRS):
            block = keys[start : start + _BLOCK_PAIRS]
            rows, days = block >> _DAY_BITS, block & ((1 << _DAY_BITS) - 1)
            columns = {"item_row": rows.astype(np.int32), "day": days.astype(np.int32)}
            writer.write_table(pa.table({**columns, **windows.values(rows, days * DAY_S)}, schema=schema))


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
