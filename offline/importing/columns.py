"""Whole columns of text to typed columns. Every function returns (values, wrong): wrong marks what could not be read.

Text columns are trimmed and have no nulls: "" is "no value". A value that is absent is null, and not wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from offline.importing.mapping import Cell

Mask = NDArray[np.bool_]

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_ISO = (
    r"^(?P<day>\d{4}-\d{2}-\d{2})(?:[T ](?P<minute>\d{2}:\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r" ?(?P<zone>Z|z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?$"
)
_UNIT_US = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def text_of(column: pa.Array) -> pa.Array:
    """Returns a column of any plain type as trimmed text without nulls."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        # pandas turns an integer column with a hole into floats: 17850.0 is the id 17850.
        whole = pc.fill_null(pc.equal(pc.floor(column), column), False)
        integers = pc.cast(pc.cast(pc.if_else(whole, column, None), pa.int64(), safe=False), pa.string())
        column = pc.if_else(whole, integers, pc.cast(column, pa.string()))
    text = pc.fill_null(pc.cast(column, pa.string()), "")
    return pc.utf8_trim_whitespace(text)


def apply_cell(text: pa.Array, cell: Cell) -> pa.Array:
    """Returns text with the cell's changes made."""
    if cell.strip_prefix:
        cut = pc.utf8_slice_codeunits(text, len(cell.strip_prefix))
        text = pc.if_else(pc.starts_with(text, cell.strip_prefix), cut, text)
    if cell.strip_suffix:
        cut = pc.utf8_slice_codeunits(text, 0, -len(cell.strip_suffix))
        text = pc.if_else(pc.ends_with(text, cell.strip_suffix), cut, text)
    if cell.values:
        text = _mapped(text, cell.values)
    if cell.prefix or cell.suffix:
        affixed = pc.binary_join_element_wise(cell.prefix, text, cell.suffix, "")
        text = pc.if_else(pc.equal(text, ""), "", affixed)
    return text


def numbers_of(column: pa.Array) -> tuple[pa.Array, Mask]:
    """Returns float64; neither text that is no finite number nor an infinity is taken."""
    if not _is_text(column):
        numbers = pc.cast(column, pa.float64())
        numbers = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
        return numbers, _mask(pc.is_inf(numbers))
    text = text_of(column)
    good = pc.match_substring_regex(text, _NUMBER)
    numbers = pc.cast(pc.if_else(good, text, None), pa.float64())
    wrong = _mask(pc.and_(pc.not_equal(text, ""), pc.invert(good))) | _mask(pc.is_inf(numbers))
    return numbers, wrong


def enum_of(column: pa.Array, numbers: Mapping[str, int]) -> tuple[pa.Array, Mask]:
    """Returns int8 numbers of names, in any case; a number that the enumeration has stands for itself."""
    table = {**numbers, **{str(n): n for n in numbers.values()}}
    encoded = text_of(column).dictionary_encode()
    names = [name.lower() for name in encoded.dictionary.to_pylist()]
    values = pa.array([table.get(name) for name in names], pa.int8())
    wrong = np.array([bool(name) and name not in table for name in names], bool)
    return values.take(encoded.indices), _gather(wrong, encoded.indices)


def flags_of(column: pa.Array) -> tuple[pa.Array, Mask]:
    """Returns booleans of true, false, yes, no, 1, 0."""
    encoded = text_of(column).dictionary_encode()
    names = [name.lower() for name in encoded.dictionary.to_pylist()]
    values = pa.array([_FLAGS.get(name) for name in names], pa.bool_())
    wrong = np.array([bool(name) and name not in _FLAGS for name in names], bool)
    return values.take(encoded.indices), _gather(wrong, encoded.indices)


def vectors_of(column: pa.Array) -> tuple[pa.Array, Mask]:
    """Returns list<float32>; text is read as a JSON list. All of a column's vectors must be finite."""
    if _is_text(column):
        lists = [_json_vector(text) for text in text_of(column).to_pylist()]
    else:
        lists = [_finite(values) for values in column.to_pylist()]
    wrong = np.array([values is False for values in lists], bool)
    good = [None if values is False else values for values in lists]
    return pa.array(good, pa.list_(pa.float32())), wrong


def times_of(column: pa.Array, cell: Cell) -> tuple[pa.Array, Mask]:
    """Returns int64 microseconds since 1970-01-01 UTC."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _typed_times(column, cell.zone)
    if cell.unit:
        numbers, wrong = numbers_of(column)
        scaled = pc.multiply(numbers, _UNIT_US[cell.unit])
        inside = pc.less(pc.abs(scaled), float(1 << 62))
        outside = pc.fill_null(pc.invert(inside), False)
        return pc.cast(pc.round(pc.if_else(inside, scaled, None)), pa.int64()), wrong | _mask(outside)
    text = apply_cell(text_of(column), cell)
    if cell.format:
        return _formatted_times(text, cell.format, ZoneInfo(cell.zone))
    return _iso_times(text, cell.zone)


def _iso_times(text: pa.Array, zone: str) -> tuple[pa.Array, Mask]:
    parts = pc.extract_regex(text, _ISO)
    day, minute, second, fraction, offset = (pc.struct_field(parts, i) for i in range(5))
    # A group that did not take part is "" here: a day alone is its midnight.
    minute = pc.if_else(pc.equal(minute, ""), "00:00", minute)
    second = pc.if_else(pc.equal(second, ""), "00", second)
    joined = pc.binary_join_element_wise(day, minute, second, " ")
    parsed = pc.strptime(joined, format="%Y-%m-%d %H:%M %S", unit="us", error_is_null=True)
    # strptime takes the 31st of every month; the calendar decides by giving another day back.
    real = pc.equal(pc.strftime(parsed, format="%Y-%m-%d"), day)
    parsed = pc.if_else(pc.fill_null(real, False), parsed, pa.scalar(None, parsed.type))
    local_us = _utc_us(parsed, zone)
    shifted = pc.subtract(pc.cast(parsed, pa.int64()), _offset_us(offset))
    times = pc.if_else(pc.equal(offset, ""), local_us, shifted)
    padded = pc.utf8_rpad(pc.if_else(pc.is_null(fraction), "", fraction), 6, "0")
    micros = pc.cast(pc.utf8_slice_codeunits(padded, 0, 6), pa.int64())
    times = pc.add(times, micros)
    return times, _mask(pc.and_(pc.not_equal(text, ""), pc.is_null(times)))


def _offset_us(offset: pa.Array) -> pa.Array:
    """Returns the microseconds east of UTC that a zone's text says."""
    encoded = offset.dictionary_encode()
    seconds = []
    for text in encoded.dictionary.to_pylist():
        digits = text[1:].replace(":", "") if text[:1] in ("+", "-") else ""
        east = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60 if digits else 0
        seconds.append(-east if text[:1] == "-" else east)
    return pa.array([s * 1_000_000 for s in seconds], pa.int64()).take(encoded.indices)


def _formatted_times(text: pa.Array, form: str, zone: ZoneInfo) -> tuple[pa.Array, Mask]:
    encoded = text.dictionary_encode()
    times = [_formatted_time(value, form, zone) for value in encoded.dictionary.to_pylist()]
    values = pa.array(times, pa.int64()).take(encoded.indices)
    return values, _mask(pc.and_(pc.not_equal(text, ""), pc.is_null(values)))


def _formatted_time(text: str, form: str, zone: ZoneInfo) -> int | None:
    try:
        parsed = datetime.strptime(text, form)
    except ValueError:
        return None
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _typed_times(column: pa.Array, zone: str) -> tuple[pa.Array, Mask]:
    aware = pa.types.is_timestamp(column.type) and column.type.tz is not None
    stamps = pc.cast(column, pa.timestamp("us", column.type.tz if aware else None), safe=False)
    values = pc.cast(stamps, pa.int64()) if aware else _utc_us(stamps, zone)
    return values, np.zeros(len(column), bool)


def _utc_us(stamps: pa.Array, zone: str) -> pa.Array:
    """Returns the instant of local times; of an hour that comes twice the first, of a skipped one its end."""
    if zone == "UTC":
        return pc.cast(stamps, pa.int64())
    return pc.cast(
        pc.assume_timezone(stamps, zone, ambiguous="earliest", nonexistent="latest"), pa.int64(), safe=False
    )


def _mapped(text: pa.Array, values: Mapping[str, str]) -> pa.Array:
    encoded = text.dictionary_encode()
    mapped = pa.array([values.get(v, v) for v in encoded.dictionary.to_pylist()], pa.string())
    return mapped.take(encoded.indices)


def _json_vector(text: str) -> list[float] | bool | None:
    if not text:
        return None
    try:
        return _finite(orjson.loads(text))
    except orjson.JSONDecodeError:
        return False


def _finite(values: object) -> list[float] | bool | None:
    """Returns the numbers of a list, None for no list at all, False for one that is no vector."""
    if values is None:
        return None
    if not isinstance(values, list) or not all(
        isinstance(v, int | float) and math.isfinite(v) for v in values
    ):
        return False
    return [float(v) for v in values]


def _is_text(column: pa.Array) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind))


def _mask(column: pa.Array) -> Mask:
    filled: Mask = pc.fill_null(column, False).to_numpy(zero_copy_only=False)
    return filled


def _gather(mask: Mask, indices: pa.Array) -> Mask:
    gathered: Mask = mask[indices.to_numpy(zero_copy_only=False)]
    return gathered
