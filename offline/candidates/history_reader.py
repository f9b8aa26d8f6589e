"""From the event log to interactions by item row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offline.candidates.interactions import Interactions
from server.features.event_types import HISTORY_EVENT_TYPES
from server.features.identity import SESSION_PREFIX, USER_PREFIX
from server.stores.event_log import EventLog

COLUMNS = ("user_id", "session_id", "item_id", "event_type", "event_time_us", "page_type")
MICROSECONDS = 1_000_000


def read_history(event_log: EventLog, item_ids: Sequence[str], as_of_s: float) -> Interactions:
    """Returns the log's history events from before as_of_s whose item has a row.

    item_ids: by row. A session is a user of its own until it is linked; then its events are that user's.
    """
    rows_of_items = pa.array(item_ids, pa.string())
    with event_log.reading():
        tables = [_history_of_file(str(path), rows_of_items, as_of_s) for path in event_log.files()]
        intervals = event_log.link_intervals()
    if not tables:
        return _no_interactions(len(item_ids))
    table = pa.concat_tables(tables)
    times_us = table.column("event_time_us").to_numpy()
    owners = _owners(table, times_us, intervals)
    return Interactions(
        owners.indices.to_numpy().astype(np.int32, copy=False),
        table.column("item_row").to_numpy(),
        times_us // MICROSECONDS,
        table.column("event_type").to_numpy().astype(np.uint8),
        table.column("page_type").to_numpy().astype(np.uint8),
        len(owners.dictionary),
        len(item_ids),
    )


def _history_of_file(path: str, rows_of_items: pa.Array, as_of_s: float) -> pa.Table:
    table = pq.ParquetFile(path).read(columns=list(COLUMNS))
    types = pa.array(sorted(HISTORY_EVENT_TYPES), table.schema.field("event_type").type)
    keep = pc.and_(
        pc.is_in(table.column("event_type"), value_set=types),
        pc.less(table.column("event_time_us"), int(as_of_s * MICROSECONDS)),
    )
    table = table.filter(keep)
    item_rows = pc.index_in(table.column("item_id"), value_set=rows_of_items)
    table = table.drop_columns(["item_id"]).append_column("item_row", item_rows)
    return table.filter(pc.is_valid(item_rows))


def _owners(table: pa.Table, times_us: NDArray[np.int64], intervals: pa.Table) -> pa.DictionaryArray:
    """Returns each event's owner as features.identity.storage_key would name it, links resolved."""
    user_ids = table.column("user_id").combine_chunks()
    sessions = table.column("session_id").combine_chunks()
    linked = _linked_users(sessions, times_us, intervals)
    anonymous = pc.equal(user_ids, "")
    user_ids = pc.if_else(anonymous, pc.coalesce(linked, ""), user_ids)
    keys = pc.if_else(
        pc.equal(user_ids, ""),
        pc.binary_join_element_wise(SESSION_PREFIX, sessions, ""),
        pc.binary_join_element_wise(USER_PREFIX, user_ids, ""),
    )
    return keys.dictionary_encode()


def _linked_users(sessions: pa.Array, times_us: NDArray[np.int64], intervals: pa.Table) -> pa.Array:
    """Returns the user to whom each event's session was linked at its time, null where none.

    intervals: event_log_owners.LINK_INTERVAL_SCHEMA, ordered by session and time.
    """
    starts = intervals.column("from_us").to_numpy()
    of_session = intervals.column("session_id").combine_chunks().dictionary_encode()
    interval_codes = of_session.indices.to_numpy()
    found = pc.index_in(sessions, value_set=of_session.dictionary)
    codes = pc.fill_null(found, -1).to_numpy()
    # The interval of an event is the last of its session that has begun: count those before it in (code, start).
    positions = np.full(codes.size, -1, dtype=np.int64)
    known = np.flatnonzero(codes >= 0)
    merged_codes = np.concatenate((interval_codes, codes[known]))
    merged_times = np.concatenate((starts, times_us[known]))
    order = np.lexsort((np.arange(merged_codes.size), merged_times, merged_codes))
    begun = np.cumsum(order < starts.size) - 1
    events = order >= starts.size
    positions[known[order[events] - starts.size]] = begun[events]
    users = intervals.column("user_id").combine_chunks()
    return users.take(pa.array(positions, mask=positions < 0))


def _no_interactions(item_count: int) -> Interactions:
    codes, bytes_, times = np.empty(0, np.int32), np.empty(0, np.uint8), np.empty(0, np.int64)
    return Interactions(codes, codes, times, bytes_, bytes_, 0, item_count)
