"""A shop's events and catalogue from a seed: W(items)' items, users of 50 events each, in the event log's own files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rich.progress import track

from offline.importing.catalog import ITEM_SCHEMA, write_items
from perf.world.release import item_id
from perf.world.shape import (
    DAY_S,
    NOW_S,
    WorldItems,
    WorldShape,
    cumulated_weights,
    make_histories,
    make_items,
)
from server.features.event_types import EventType
from server.stores.event_log import EVENT_LOG_SCHEMA, EventLog

HISTORY_EVENTS = 50
ITEMS_A_USER = 2
"""Two users an item."""
_PARTS = 10
_US = 1_000_000
_READY = "shop.ready"


def cached_shop(events: int, seed: int) -> Path:
    """Returns a data directory with the events and their items, made where it is missing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    data_dir = cache / "shortlist" / "shops" / f"{events}-{seed}"
    if not (data_dir / _READY).exists():
        make_shop(data_dir, events, seed)
        (data_dir / _READY).touch()
    return data_dir


def make_shop(data_dir: Path, events: int, seed: int) -> None:
    """Writes the catalogue and the event log."""
    users = events // HISTORY_EVENTS
    shape = WorldShape(max(1_000, users // ITEMS_A_USER), users, seed, history_events=HISTORY_EVENTS)
    items = make_items(shape)
    data_dir.mkdir(parents=True, exist_ok=True)
    write_items(data_dir, _catalogue(shape, items))
    histories = make_histories(shape, items, cumulated_weights(items), 0, users)
    times = histories.times_s.ravel()
    order = np.argsort(times, kind="stable")
    rows, types = histories.rows.ravel(), histories.types.ravel()
    log = EventLog(data_dir / "events")
    for part, chosen in enumerate(track(np.array_split(order, _PARTS), description="events")):
        owners = chosen // HISTORY_EVENTS
        log.append_table(_events(chosen, owners, rows[chosen], times[chosen], types[chosen]), f"part-{part}")


def _catalogue(shape: WorldShape, items: WorldItems) -> pa.Table:
    count = shape.items
    columns = {
        "item_id": [item_id(number) for number in range(count)],
        "title": [
            f"thing {number % 5_000} of kind {code}" for number, code in enumerate(items.category.tolist())
        ],
        "category": [f"category-{code:05d}" for code in items.category.tolist()],
        "brand": [f"brand-{code:04d}" for code in items.brand.tolist()],
        "price": items.price.astype(np.float64),
        "in_stock": np.ones(count, np.bool_),
        "promoted": np.zeros(count, np.bool_),
        "hidden": np.zeros(count, np.bool_),
        "added_time_s": np.full(count, NOW_S - 400 * DAY_S, np.int64),
        "expire_time_s": np.zeros(count, np.int64),
        "image_embedding": pa.nulls(count, pa.list_(pa.float32())),
    }
    return pa.table(columns, schema=ITEM_SCHEMA)


def _events(
    numbers: NDArray[np.int64],
    owners: NDArray[np.int64],
    rows: NDArray[np.int64],
    times_s: NDArray[np.int64],
    types: NDArray[np.uint8],
) -> pa.Table:
    count = len(numbers)
    constant = {"device_type": 0, "platform": "", "recommendation_id": "", "experiment_id": ""}
    unknown = {"rating": -1.0, "dwell_time_ms": -1, "position": -1, "quantity": 1.0, "price": -1.0}
    users = _named("user-", owners)
    days = _named("-", times_s // DAY_S)
    columns = {
        "event_id": _named("event-", numbers),
        "user_id": users,
        "session_id": pc.binary_join_element_wise(users, days, ""),
        "item_id": pa.array([item_id(row) for row in rows.tolist()]),
        "event_type": types.astype(np.int8),
        "event_time_us": times_s * _US,
        "page_type": np.where(types == int(EventType.PURCHASE), 0, 1).astype(np.int8),
        **{name: pa.repeat(value, count) for name, value in {**constant, **unknown}.items()},
    }
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in EVENT_LOG_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=EVENT_LOG_SCHEMA)


def _named(prefix: str, numbers: NDArray[np.int64]) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")
