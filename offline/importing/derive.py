"""A catalogue from events: each item's most frequent text, median price and first appearance.

Only values and how often they came are held, not the events.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from offline.importing.columns import numbers_of
from offline.importing.mapping import Cell
from offline.importing.readers import Chunk
from offline.importing.rows import MappedRows, text_column


class ItemsFromEvents:
    """Collects the items of the rows that were kept. Without cells: just the ids and their first appearance."""

    def __init__(self, cells: Mapping[str, Cell]) -> None:
        self._cells = cells
        self._seen: list[pa.Table] = []
        self._values: dict[str, list[pa.Table]] = {name: [] for name in cells}

    def collect(self, chunk: Chunk, rows: MappedRows) -> None:
        """Takes in the kept rows of a chunk."""
        right = pa.array(rows.right)
        item_ids = rows.columns["item_id"].filter(right)
        seen = pa.table({"item_id": item_ids, "time_us": rows.columns["event_time"].filter(right)})
        self._seen.append(_renamed(seen.group_by("item_id").aggregate([("time_us", "min")])))
        for name, cell in self._cells.items():
            text = text_column(chunk, cell)
            values = numbers_of(text)[0] if name == "price" else text
            pairs = pa.table({"item_id": item_ids, "value": values.filter(right)})
            counts = pairs.group_by(["item_id", "value"]).aggregate([([], "count_all")])
            self._values[name].append(counts.rename_columns(["item_id", "value", "rows"]))

    def items(self) -> pa.Table:
        """Returns item_id, added_time_s and a column for each cell, null where an item has no value."""
        if not self._seen:
            return pa.table({"item_id": pa.array([], pa.string()), "added_time_s": pa.array([], pa.int64())})
        seen = pa.concat_tables(self._seen).group_by("item_id").aggregate([("time_us", "min")])
        ids = seen.column("item_id").combine_chunks()
        first_us = seen.column("time_us_min").to_numpy()
        columns = {"item_id": ids, "added_time_s": pa.array(first_us // 1_000_000, pa.int64())}
        for name, tables in self._values.items():
            merged = pa.concat_tables(tables).group_by(["item_id", "value"]).aggregate([("rows", "sum")])
            counts = merged.rename_columns(["item_id", "value", "rows"])
            chosen = median_values(counts) if name == "price" else most_frequent_values(counts)
            at = pc.index_in(ids, value_set=chosen.column("item_id").combine_chunks())
            columns[name] = chosen.column("value").combine_chunks().take(at)
        return pa.table(columns)


def most_frequent_values(counts: pa.Table) -> pa.Table:
    """Returns item_id, value: the most frequent text that is not empty; of equally frequent ones the first by name.

    counts: item_id, value, rows.
    """
    named = counts.filter(pc.not_equal(counts.column("value"), ""))
    order = [("item_id", "ascending"), ("rows", "descending"), ("value", "ascending")]
    ranked = named.sort_by(order).combine_chunks()
    return ranked.take(pa.array(_group_starts(ranked.column("item_id")))).select(["item_id", "value"])


def median_values(counts: pa.Table) -> pa.Table:
    """Returns item_id, value: the median of the numbers, as if each stood there `rows` times.

    counts: item_id, value, rows. Numbers that are unknown or below 0 do not count.
    """
    known = counts.filter(pc.greater_equal(counts.column("value"), 0.0))
    ranked = known.sort_by([("item_id", "ascending"), ("value", "ascending")]).combine_chunks()
    starts = _group_starts(ranked.column("item_id"))
    values = ranked.column("value").to_numpy()
    cumulated = np.cumsum(ranked.column("rows").to_numpy())
    before = np.where(starts > 0, cumulated[starts - 1], 0) if len(starts) else starts
    ends = np.append(starts[1:], len(values)) - 1 if len(starts) else starts
    total = cumulated[ends] - before if len(starts) else starts
    lower = values[np.searchsorted(cumulated, before + (total - 1) // 2, "right")]
    upper = values[np.searchsorted(cumulated, before + total // 2, "right")]
    ids = ranked.column("item_id").take(pa.array(starts))
    return pa.table({"item_id": ids, "value": (lower + upper) / 2})


def _group_starts(sorted_ids: pa.ChunkedArray) -> NDArray[np.int64]:
    codes = sorted_ids.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    return np.flatnonzero(np.diff(codes, prepend=-1)) if len(codes) else np.empty(0, np.int64)


def _renamed(table: pa.Table) -> pa.Table:
    return table.select(["item_id", "time_us_min"]).rename_columns(["item_id", "time_us"])
