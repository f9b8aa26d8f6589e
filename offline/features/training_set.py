"""What the model is trained on: requests with their features, and what each led to, joined point in time.

    work/features/
      history.parquet    history events of the users concerned, by user, oldest first: item_row (-1 unknown), time_s,
                         event_type. A request's own past is history[history_start:history_stop].
      requests.parquet   one row a request, by user and time: REQUEST_COLUMNS
      examples.parquet   one row an item of a request, by request: EXAMPLE_COLUMNS

A request stands for one moment of one user: whatever the user did in that second is what it led to, and only what
came before that second is known. Nothing in it is from later, which a test shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from ibis.expr.types import Table

from offline.engine import Engine
from offline.features.cross import CROSS_FEATURE_SCHEMA, context_features, cross_features
from offline.features.histories import count_history, history_before
from offline.features.items import ITEM_FEATURE_SCHEMA, item_features
from offline.features.training_requests import (
    examples_of,
    laid_out_history,
    moments,
    owner_starts,
    sampled_requests,
)
from offline.features.users import USER_FEATURE_SCHEMA, user_features

HISTORY_FILE = "history.parquet"
REQUESTS_FILE = "requests.parquet"
EXAMPLES_FILE = "examples.parquet"

CONTEXT_COLUMNS = ("is_weekend", "hour_of_day", "device_mobile", "page_type")
PROFILE_SCHEMA = {"age_bucket": "int8", "gender": "int8", "location_cluster": "int16"}
REQUEST_COLUMNS = (
    "request_id",
    "owner",
    "as_of_s",
    "history_start",
    "history_stop",
    *PROFILE_SCHEMA,
    *(name for name in USER_FEATURE_SCHEMA if name != "request_id"),
    *CONTEXT_COLUMNS,
)
EXAMPLE_COLUMNS = (
    "request_id",
    "item_row",
    "weight",
    "position",
    *(name for name in ITEM_FEATURE_SCHEMA if name != "pair_id"),
    *(name for name in CROSS_FEATURE_SCHEMA if name != "pair_id"),
)
"""weight: of the strongest event (EVENT_WEIGHTS). position: where the item was shown, -1 = not known. Item features
are as of the start of the request's UTC day, the rest as of the request."""


@dataclass(frozen=True, slots=True)
class TrainingSetOptions:
    """requests_max: a larger log is sampled, by hash, so the same events give the same sample.

    batch_requests: requests whose histories are expanded at a time.
    """

    requests_max: int = 400_000
    batch_requests: int = 20_000


@dataclass(frozen=True, slots=True)
class TrainingSetSummary:
    """Counts for the command line."""

    requests: int
    examples: int


@dataclass(frozen=True, slots=True)
class _Tables:
    """What every batch is cut from. All but profiles and numbered carry request_id or pair_id."""

    requests: Table
    counted: Table
    starts: Table
    pairs: Table
    item_values: Table
    profiles: Table
    numbered: Table


def write_training_set(
    engine: Engine,
    numbered: Table,
    item_events: Table,
    profiles: Table,
    directory: Path,
    options: TrainingSetOptions,
    advance: Callable[[int, int], None],
) -> TrainingSetSummary:
    """Writes the three files.

    numbered: histories.numbered_history, kept. item_events: items.item_events, kept. profiles: owner and
    PROFILE_SCHEMA. advance: takes (requests done, all requests).
    """
    requests = engine.keep(sampled_requests(moments(numbered), options.requests_max))
    pairs = engine.keep(examples_of(requests, numbered))
    tables = _Tables(
        requests=requests,
        counted=engine.keep(count_history(requests, numbered)),
        starts=engine.keep(owner_starts(numbered, requests)),
        pairs=pairs,
        item_values=engine.keep(item_features(pairs, item_events)),
        profiles=profiles,
        numbered=numbered,
    )
    engine.to_parquet(laid_out_history(numbered, tables.starts), directory / HISTORY_FILE)
    total = engine.row_count(requests)
    parts = _parts(engine, tables, total, options.batch_requests, advance)
    examples = _write_pairs(directory / REQUESTS_FILE, directory / EXAMPLES_FILE, parts)
    for table in (requests, pairs, tables.counted, tables.starts, tables.item_values):
        engine.drop(table)
    return TrainingSetSummary(total, examples)


def _parts(
    engine: Engine, tables: _Tables, total: int, size: int, advance: Callable[[int, int], None]
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yields (requests, examples) of each run of request ids; at least one, so that files have their columns."""
    for first in range(0, max(total, 1), size):
        asked = _between(tables.counted, first, first + size)
        history = engine.keep(history_before(asked, tables.numbered))
        users = engine.keep(user_features(asked, history))
        contexts = context_features(_between(tables.requests, first, first + size))
        pairs = _between(tables.pairs, first, first + size)
        yield (
            engine.to_arrow(_request_rows(asked, tables.starts, users, contexts, tables.profiles)),
            engine.to_arrow(_example_rows(pairs, tables.item_values, history, users)),
        )
        engine.drop(history)
        engine.drop(users)
        advance(min(first + size, total), total)


def _between(table: Table, first: int, stop: int) -> Table:
    return table.filter((table.request_id >= first) & (table.request_id < stop))


def _request_rows(asked: Table, starts: Table, users: Table, contexts: Table, profiles: Table) -> Table:
    """Returns REQUEST_COLUMNS by request_id."""
    joined = asked.join(starts, asked.owner == starts.history_owner)
    joined = joined.join(users, "request_id").join(contexts, "request_id")
    known = profiles.select(profile_owner=profiles.owner, **{name: profiles[name] for name in PROFILE_SCHEMA})
    joined = joined.left_join(known, joined.owner == known.profile_owner)
    rows = joined.mutate(
        history_stop=(joined.history_start + joined.history_count).cast("int64"),
        age_bucket=joined.age_bucket.coalesce(0).cast("int8"),
        gender=joined.gender.coalesce(0).cast("int8"),
        location_cluster=joined.location_cluster.coalesce(-1).cast("int16"),
    )
    return rows.select(*REQUEST_COLUMNS).order_by("request_id")


def _example_rows(pairs: Table, item_values: Table, history: Table, users: Table) -> Table:
    """Returns EXAMPLE_COLUMNS by request_id and item_row."""
    valued = pairs.join(item_values, "pair_id")
    crossed = cross_features(valued, history, users)
    return valued.join(crossed, "pair_id").select(*EXAMPLE_COLUMNS).order_by(["request_id", "item_row"])


def _write_pairs(requests: Path, examples: Path, parts: Iterator[tuple[pa.Table, pa.Table]]) -> int:
    """Writes both files part by part; returns the number of examples."""
    first_requests, first_examples = next(parts)
    count: int = first_examples.num_rows
    with (
        pq.ParquetWriter(requests, first_requests.schema, compression="zstd") as request_writer,
        pq.ParquetWriter(examples, first_examples.schema, compression="zstd") as example_writer,
    ):
        request_writer.write_table(first_requests)
        example_writer.write_table(first_examples)
        for request_rows, example_rows in parts:
            request_writer.write_table(request_rows)
            example_writer.write_table(example_rows)
            count += example_rows.num_rows
    return count
