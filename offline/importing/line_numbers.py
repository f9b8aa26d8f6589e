"""The lines of rows and of what is no row, as an editor shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no row at all."""

    line: int
    reason: str
    text: str


class LineCounter:
    """From the record numbers that the CSV reader gives to the lines that an editor shows.

    They differ when a quoted value holds line breaks.
    """

    def __init__(self) -> None:
        self._record = 2  # the header is 1
        self._breaks = 0

    def number(self, table: pa.Table, bad: list[pacsv.InvalidRow]) -> tuple[NDArray[np.int64], list[BadLine]]:
        """Returns the line of each row of the next batch, and the bad lines before its last row.

        bad: rows refused so far, in order; those that are told are removed. The reader may be ahead of its batches.
        """
        records = np.arange(self._record, self._record + table.num_rows + len(bad))
        refused = np.isin(records, np.array([row.number for row in bad], np.int64))
        last = int(np.flatnonzero(~refused)[table.num_rows - 1])
        records, refused = records[: last + 1], refused[: last + 1]
        told = bad[: int(refused.sum())]
        del bad[: len(told)]
        breaks = np.zeros(len(records), np.int64)
        breaks[~refused] = _line_breaks(table)
        breaks[refused] = [row.text.count("\n") for row in told]
        lines = records + self._breaks + np.cumsum(breaks) - breaks
        self._record += len(records)
        self._breaks += int(breaks.sum())
        return lines[~refused], [_column_count(*pair) for pair in zip(lines[refused], told, strict=True)]

    def number_bad(self, bad: Sequence[pacsv.InvalidRow]) -> list[BadLine]:
        """Returns the bad lines after the last row."""
        breaks = np.array([row.text.count("\n") for row in bad], np.int64)
        lines = self._record + np.arange(len(bad)) + self._breaks + np.cumsum(breaks) - breaks
        return [_column_count(*pair) for pair in zip(lines, bad, strict=True)]


def _column_count(line: int, row: pacsv.InvalidRow) -> BadLine:
    return BadLine(int(line), "COLUMN_COUNT", row.text)


def _line_breaks(table: pa.Table) -> NDArray[np.int64]:
    counts = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        counts += pc.count_substring(column, "\n").to_numpy()
    return counts
