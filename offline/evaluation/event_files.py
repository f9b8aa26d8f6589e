"""Event and item files of an evaluation: CSV, JSONL or Parquet, plain or gzip, columns by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.json as pjson
import pyarrow.parquet as pq
from numpy.typing import NDArray

from server.errors import FieldViolation, InvalidRequest
from server.features.event_types import EventType

EVENT_COLUMNS = ("user_id", "item_id", "event_type", "event_time", "rating")
ITEM_COLUMNS = ("item_id", "title", "category", "brand", "price", "image_embedding")

GROUPED_RUNS_MAX = 1.5
"""Lines come user by user where there are at most so many runs of lines of one user, a user."""


def read_table(path: Path, required: Sequence[str], known: Sequence[str]) -> pa.Table:
    """Returns the known columns that the file has; ids as strings, without rows that lack a required value.

    Raises InvalidRequest for an unknown kind of file or a missing column.
    """
    text_columns = {name: pa.string() for name in known if name not in ("price", "rating")}
    kind = next((s for s in reversed(path.suffixes) if s != ".gz"), "")
    if kind == ".parquet":
        table = pq.read_table(path)
    elif kind in (".jsonl", ".ndjson", ".json"):
        table = pjson.read_json(pa.input_stream(path, compression="detect"))
    elif kind == ".csv":
        options = pcsv.ConvertOptions(column_types=text_columns, strings_can_be_null=True)
        table = pcsv.read_csv(pa.input_stream(path, compression="detect"), convert_options=options)
    else:
        raise _refusal(str(path), "FILE_KIND", "is none of .csv, .jsonl, .parquet (each also .gz)")
    for name in required:
        if name not in table.column_names:
            raise _refusal(f"{path}.{name}", "FIELD_MISSING", "is not among the columns of the file")
        table = table.set_column(
            table.column_names.index(name), name, pc.cast(table.column(name), pa.string())
        )
        present = pc.fill_null(pc.not_equal(table.column(name), ""), False)
        table = table.filter(present)
    return table.select([name for name in known if name in table.column_names]).combine_chunks()


def read_events(path: Path) -> pa.Table:
    """Returns user_id, item_id (string), event_type (u8), event_time_s (i64) and rating (f64, -1 = none).

    Without a type an event is a purchase; without times the order of lines counts, a second apart (line_times).
    """
    table = read_table(path, ("user_id", "item_id"), EVENT_COLUMNS)
    names = table.column_names
    types = _event_types(table, path) if "event_type" in names else np.full(len(table), EventType.PURCHASE)
    times = (
        epoch_seconds(table.column("event_time"))
        if "event_time" in names
        else line_times(table.column("user_id"))
    )
    ratings = pc.fill_null(pc.cast(table.column("rating"), pa.float64()), -1.0) if "rating" in names else None
    return pa.table(
        {
            "user_id": table.column("user_id"),
            "item_id": table.column("item_id"),
            "event_type": pa.array(types, pa.uint8()),
            "event_time_s": pa.array(times, pa.int64()),
            "rating": ratings if ratings is not None else pa.array(np.full(len(table), -1.0)),
        }
    )


def read_items(path: Path) -> pa.Table:
    """Returns those of ITEM_COLUMNS that the file has, one row an item."""
    return read_table(path, ("item_id",), ITEM_COLUMNS)


def line_times(user_ids: pa.ChunkedArray) -> NDArray[np.int64]:
    """Returns the times of events that have none, int64[lines]: 0, 1, ... in their order.

    Where the lines come user by user, that order says nothing of who came when: each user's lines then spread evenly
    over all of the time, in their order, so that the last part of the time holds the last part of every user.
    """
    codes = user_ids.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    users = int(codes.max(initial=-1)) + 1
    if users < 2 or len(starts) > GROUPED_RUNS_MAX * users:
        return np.arange(len(codes))
    by_user = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    place = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (place + 0.5) / np.repeat(counts, counts)
    times = np.empty(len(codes), np.int64)
    times[by_user[np.argsort(share, kind="stable")]] = np.arange(len(codes))
    return times


def epoch_seconds(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Returns whole seconds since 1970 UTC of numbers (seconds, or milli- or microseconds by their size) or ISO texts.

    A text without a zone is UTC. Raises ValueError for a text that is no time.
    """
    if pa.types.is_timestamp(column.type):
        return np.asarray(pc.cast(column, pa.timestamp("s"), safe=False).to_numpy().astype(np.int64))
    if not pa.types.is_string(column.type):
        return _whole_seconds(pc.cast(column, pa.float64()).to_numpy())
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    try:
        values = _whole_seconds(np.array([float(text) for text in texts], np.float64))
    except ValueError:
        values = np.array([_parse_time(text) for text in texts], np.int64)
    return np.asarray(values[encoded.indices.to_numpy()])


def _whole_seconds(values: NDArray[np.float64]) -> NDArray[np.int64]:
    largest = float(np.max(np.abs(values), initial=0.0))
    unit = 1e6 if largest > 1e14 else 1e3 if largest > 1e11 else 1.0
    return np.floor(values / unit).astype(np.int64)


def _parse_time(text: str) -> int:
    time = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())


def _event_types(table: pa.Table, path: Path) -> NDArray[np.uint8]:
    encoded = pc.fill_null(pc.cast(table.column("event_type"), pa.string()), "purchase")
    encoded = encoded.combine_chunks().dictionary_encode()
    codes = []
    for name in encoded.dictionary.to_pylist():
        if name.upper() not in EventType.__members__:
            raise _refusal(f"{path}.event_type", "EVENT_TYPE_UNKNOWN", f"{name!r} is no event type")
        codes.append(EventType[name.upper()])
    return np.asarray(np.array(codes, np.uint8)[encoded.indices.to_numpy()])


def _refusal(field: str, reason: str, description: str) -> InvalidRequest:
    return InvalidRequest([FieldViolation(field, reason, description)])
