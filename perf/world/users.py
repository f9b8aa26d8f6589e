"""W(items)' users, as records in the embedded store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.progress import track

from perf.world.release import item_id
from perf.world.shape import NOW_S, WorldItems, WorldShape, cumulated_weights, make_histories
from server.features.event_types import EventType
from server.features.identity import USER_PREFIX, item_key
from server.features.record_codec import NO_RATING_X20, new_record, pack_record
from server.features.user_record import RECENT_EVENT
from server.stores.embedded_records import STATE_DATABASES, USERS
from server.stores.embedded_store import STATE
from server.stores.entry_codec import text_key
from server.stores.lmdb_environment import LmdbEnvironment, LmdbWriter

_BATCH = 10_000
_MAP_BYTES_MAX = 64 << 30


def user_id(number: int) -> str:
    """Returns a user's id; user 0 is the first in Zipf's rank."""
    return f"user-{number:08d}"


def write_users(shape: WorldShape, items: WorldItems, data_dir: Path) -> None:
    """Writes every user's record."""
    environment = LmdbEnvironment(
        data_dir / "store" / STATE, STATE_DATABASES, map_bytes_max=_MAP_BYTES_MAX, sync=False
    )
    keys = np.array([item_key(item_id(n)) for n in range(shape.items)], np.uint64)
    cumulated = cumulated_weights(items)
    try:
        for first in track(range(0, shape.user_count, _BATCH), description="users"):
            stop = min(first + _BATCH, shape.user_count)
            entries = _records(shape, items, keys, cumulated, first, stop)

            def change(writer: LmdbWriter, entries: list[tuple[bytes, bytes]] = entries) -> None:
                writer.put_all(USERS, entries)

            environment.write(change)
    finally:
        environment.close()


def _records(
    shape: WorldShape,
    items: WorldItems,
    keys: np.ndarray[tuple[int], np.dtype[np.uint64]],
    cumulated: np.ndarray[tuple[int], np.dtype[np.float64]],
    first: int,
    stop: int,
) -> list[tuple[bytes, bytes]]:
    histories = make_histories(shape, items, cumulated, first, stop)
    events = np.zeros(histories.rows.shape, RECENT_EVENT)
    events["item_key"] = keys[histories.rows]
    events["time_s"] = histories.times_s
    events["event_type"] = histories.types
    events["rating_x20"] = NO_RATING_X20
    entries = []
    for number in range(first, stop):
        record = new_record(USER_PREFIX + user_id(number))
        record.events = events[number - first]
        record.total_events = shape.history_events
        record.created_time_s, record.updated_time_s = int(record.events["time_s"][0]), NOW_S
        record.bought = _bought(record.events)
        entries.append((text_key(USER_PREFIX + user_id(number)), pack_record(record)))
    return entries


def _bought(events: np.ndarray[tuple[int], np.dtype[np.void]]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array(
        list(dict.fromkeys(events["item_key"][events["event_type"] == EventType.PURCHASE].tolist())),
        np.uint64,
    )
