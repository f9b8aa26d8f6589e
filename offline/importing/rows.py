"""A chunk and a mapping to typed columns, and for each row the first thing that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from offline.importing.columns import (
    Mask,
    apply_cell,
    enum_of,
    flags_of,
    numbers_of,
    text_of,
    times_of,
    vectors_of,
)
from offline.importing.fields import FIELDS, ID_BYTES_MAX, TEXT_BYTES_MAX, Field, FieldKind
from offline.importing.mapping import Cell, FieldMapping
from offline.importing.readers import Chunk

EMPTY_LINE = "EMPTY_LINE"
MISSING_USER = "MISSING_USER"


@dataclass(frozen=True, slots=True)
class MappedRows:
    """columns: typed, by field, only the fields of the mapping; null where a row has no value.

    reasons: by row, the place in reason_names of the first reason against it, -1 = the row is right.
    """

    columns: dict[str, pa.Array]
    reasons: NDArray[np.int16]
    reason_names: Sequence[str]

    @property
    def right(self) -> Mask:
        """Which rows have nothing against them."""
        mask: Mask = self.reasons < 0
        return mask


class _Verdicts:
    """Collects reasons; the first one against a row stays."""

    def __init__(self, rows: int) -> None:
        self.names: list[str] = []
        self.reasons = np.full(rows, -1, np.int16)

    def reject(self, wrong: Mask, reason: str) -> None:
        if reason not in self.names:
            self.names.append(reason)
        self.reasons[wrong & (self.reasons < 0)] = self.names.index(reason)


def map_rows(chunk: Chunk, mapping: FieldMapping) -> MappedRows:
    """Returns a chunk's typed columns and verdicts, in the order of checks that fields.py gives."""
    verdicts = _Verdicts(chunk.columns.num_rows)
    verdicts.reject(_all_empty(chunk, mapping), EMPTY_LINE)
    if mapping.kind == "events":
        verdicts.reject(_without_owner(chunk, mapping), MISSING_USER)
        for rule in mapping.rejects:
            text = text_of(chunk.columns.column(rule.column).combine_chunks())
            verdicts.reject(_mask(pc.starts_with(text, rule.starts_with)), rule.reason)
    columns = {}
    for field in FIELDS[mapping.kind]:
        cell = mapping.cells.get(field.name)
        if cell is not None:
            columns[field.name] = _column(chunk, field, cell, verdicts)
    return MappedRows(columns, verdicts.reasons, verdicts.names)


def source_column(chunk: Chunk, cell: Cell) -> pa.Array:
    """Returns a cell's column as the file has it; a constant as text."""
    if cell.constant:
        return pa.repeat(pa.scalar(cell.constant), chunk.columns.num_rows)
    return chunk.columns.column(cell.column).combine_chunks()


def text_column(chunk: Chunk, cell: Cell) -> pa.Array:
    """Returns a cell's column as text, with the cell's changes made; "" where there is no value."""
    return apply_cell(text_of(source_column(chunk, cell)), cell)


def _column(chunk: Chunk, field: Field, cell: Cell, verdicts: _Verdicts) -> pa.Array:
    """Returns one field's values, and rejects rows where it is missing, unreadable or out of range."""
    if field.kind in (FieldKind.ID, FieldKind.TEXT):
        text = text_column(chunk, cell)
        limit = ID_BYTES_MAX if field.kind is FieldKind.ID else TEXT_BYTES_MAX
        wrong = _mask(pc.greater(pc.binary_length(text), limit))
        values = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    else:
        values, wrong = _typed(chunk, field, cell)
    if field.missing:
        verdicts.reject(_mask(pc.is_null(values)) & ~wrong, field.missing)
    verdicts.reject(wrong | _out_of_range(values, field), field.wrong)
    return values


def _typed(chunk: Chunk, field: Field, cell: Cell) -> tuple[pa.Array, Mask]:
    source = source_column(chunk, cell)
    if field.kind is FieldKind.TIME:
        return times_of(source, cell)
    if field.kind is FieldKind.VECTOR:
        return vectors_of(source)
    if cell.values or cell.prefix or cell.suffix or cell.strip_prefix or cell.strip_suffix:
        source = apply_cell(text_of(source), cell)
    if field.kind is FieldKind.ENUM:
        return enum_of(source, field.numbers)
    if field.kind is FieldKind.FLAG:
        return flags_of(source)
    numbers, wrong = numbers_of(source)
    if field.kind is FieldKind.INTEGER:
        whole = _mask(pc.equal(pc.floor(numbers), numbers))
        wrong = wrong | (~whole & ~_mask(pc.is_null(numbers)))
    return numbers, wrong


def _out_of_range(values: pa.Array, field: Field) -> Mask:
    outside = np.zeros(len(values), bool)
    if field.above is not None:
        outside |= _mask(pc.less_equal(values, field.above))
    if field.minimum is not None:
        outside |= _mask(pc.less(values, field.minimum))
    if field.maximum is not None:
        outside |= _mask(pc.greater(values, field.maximum))
    return outside


def _all_empty(chunk: Chunk, mapping: FieldMapping) -> Mask:
    empty = np.ones(chunk.columns.num_rows, bool)
    for name in chunk.columns.column_names:
        column = chunk.columns.column(name).combine_chunks()
        if pa.types.is_nested(column.type):
            empty &= _mask(pc.is_null(column))
        else:
            empty &= _mask(pc.equal(text_of(column), ""))
    return empty


def _without_owner(chunk: Chunk, mapping: FieldMapping) -> Mask:
    nobody = np.ones(chunk.columns.num_rows, bool)
    for name in ("user_id", "session_id"):
        cell = mapping.cells.get(name)
        if cell is not None:
            nobody &= _mask(pc.equal(text_column(chunk, cell), ""))
    return nobody


def _mask(column: pa.Array) -> Mask:
    filled: Mask = pc.fill_null(column, False).to_numpy(zero_copy_only=False)
    return filled
