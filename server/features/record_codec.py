"""User records to bytes and back, and how an event changes a record. Pure functions; see user_record.py."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from server.features.declarations import HISTORY_EVENTS_MAX
from server.features.event_types import HISTORY_EVENT_TYPES, EventType
from server.features.identity import item_key, storage_key_hash
from server.features.user_event import UserEvent
from server.features.user_record import HEADER, RECENT_EVENT, RECORD_MAGIC, RECORD_VERSION, UserRecord

NO_RATING_X20 = 255
"""rating_x20 of an event without a rating; 0 to 100 are ratings 0 to 5."""

DWELL_TIME_S_MAX = 2**32 - 1
_US = 1_000_000
_KEY = np.dtype("<u8")


@dataclass(frozen=True, slots=True)
class RecordLimits:
    """How much a record keeps; the oldest go first."""

    bought_items_max: int = 4_096
    hidden_items_max: int = 1_024


class RecordRefused(ValueError):
    """The bytes are not the record of this key in this version."""


def new_record(key: str) -> UserRecord:
    """Returns an empty record for a storage key."""
    return UserRecord(key_hash=storage_key_hash(key))


def pack_record(record: UserRecord) -> bytes:
    """Returns the record's bytes."""
    header = np.zeros((), HEADER)
    header["magic"], header["version"] = RECORD_MAGIC, RECORD_VERSION
    header["key_hash"] = record.key_hash
    header["event_count"] = len(record.events)
    header["bought_count"] = len(record.bought)
    header["hidden_count"] = len(record.hidden)
    for name in ("created_time_s", "updated_time_s", "total_events", "location_cluster"):
        header[name] = getattr(record, name)
    header["age_bucket"], header["gender"] = record.age_bucket, record.gender
    keys = (record.bought.astype(_KEY, copy=False), record.hidden.astype(_KEY, copy=False))
    events = record.events.astype(RECENT_EVENT, copy=False)
    return b"".join((header.tobytes(), events.tobytes(), keys[0].tobytes(), keys[1].tobytes()))


def unpack_record(content: bytes, key: str) -> UserRecord:
    """Returns the record; its arrays are read-only views of the content.

    Raises RecordRefused for another magic, version or length, and for the record of another key.
    """
    if len(content) < HEADER.itemsize:
        raise RecordRefused("a record is longer than this")
    header = np.frombuffer(content, HEADER, 1)[0]
    if header["magic"] != RECORD_MAGIC:
        raise RecordRefused("not a user record")
    if header["version"] != RECORD_VERSION:
        raise RecordRefused(f"record version {header['version']}, not {RECORD_VERSION}")
    if header["key_hash"] != storage_key_hash(key):
        raise RecordRefused("the record of another key")
    events, bought, hidden = (int(header[f"{part}_count"]) for part in ("event", "bought", "hidden"))
    bought_at = HEADER.itemsize + events * RECENT_EVENT.itemsize
    hidden_at = bought_at + bought * _KEY.itemsize
    if len(content) != hidden_at + hidden * _KEY.itemsize:
        raise RecordRefused("the record's length is not what its header says")
    return UserRecord(
        key_hash=int(header["key_hash"]),
        created_time_s=int(header["created_time_s"]),
        updated_time_s=int(header["updated_time_s"]),
        total_events=int(header["total_events"]),
        age_bucket=int(header["age_bucket"]),
        gender=int(header["gender"]),
        location_cluster=int(header["location_cluster"]),
        events=np.frombuffer(content, RECENT_EVENT, events, HEADER.itemsize),
        bought=np.frombuffer(content, _KEY, bought, bought_at),
        hidden=np.frombuffer(content, _KEY, hidden, hidden_at),
    )


def history_event(event: UserEvent) -> NDArray[np.void]:
    """Returns an event as RECENT_EVENT[1]."""
    rating = NO_RATING_X20 if event.rating < 0 else round(event.rating * 20)
    dwell_s = min(max(event.dwell_time_ms, 0) // 1000, DWELL_TIME_S_MAX)
    time_s = event.event_time_us // _US
    values = (item_key(event.item_id), time_s, event.event_type, event.page_type, rating, 0, dwell_s)
    return np.array([values], RECENT_EVENT)


def apply_event(record: UserRecord, event: UserEvent, limits: RecordLimits) -> UserRecord:
    """Returns the record after an event; the given one is unchanged.

    Events may come late: history stays in order of event time, the later arrival of two equal times last.
    """
    time_s = event.event_time_us // _US
    after = replace(
        record,
        total_events=record.total_events + 1,
        created_time_s=_earlier(record.created_time_s, time_s),
        updated_time_s=max(record.updated_time_s, time_s),
    )
    if event.event_type in HISTORY_EVENT_TYPES:
        place = int(np.searchsorted(record.events["time_s"], time_s, side="right"))
        parts = (record.events[:place], history_event(event), record.events[place:])
        after.events = np.concatenate(parts)[-HISTORY_EVENTS_MAX:]
    if event.event_type == EventType.PURCHASE:
        after.bought = _with_key(record.bought, event.item_id, limits.bought_items_max)
    elif event.event_type == EventType.HIDE:
        after.hidden = _with_key(record.hidden, event.item_id, limits.hidden_items_max)
    return after


def merge_records(older: UserRecord, newer: UserRecord, limits: RecordLimits) -> UserRecord:
    """Returns the union of two records under newer's key; merging either of them again changes nothing.

    An event is known by item, time and type; where each side has it several times, the larger number stays.
    total_events: the larger one, but no fewer than the history holds. The profile: newer's, where it is known.
    """
    events = _merge_events(older.events, newer.events)
    return UserRecord(
        key_hash=newer.key_hash,
        created_time_s=_earlier(older.created_time_s, newer.created_time_s),
        updated_time_s=max(older.updated_time_s, newer.updated_time_s),
        total_events=max(older.total_events, newer.total_events, len(events)),
        age_bucket=newer.age_bucket or older.age_bucket,
        gender=newer.gender or older.gender,
        location_cluster=newer.location_cluster if newer.location_cluster >= 0 else older.location_cluster,
        events=events,
        bought=_merge_keys(older.bought, newer.bought, limits.bought_items_max),
        hidden=_merge_keys(older.hidden, newer.hidden, limits.hidden_items_max),
    )


def _earlier(first_s: int, second_s: int) -> int:
    """Returns the earlier of two times, of which 0 is none."""
    return min(first_s, second_s) if first_s and second_s else first_s or second_s


def _with_key(keys: NDArray[np.uint64], item_id: str, limit: int) -> NDArray[np.uint64]:
    key = np.uint64(item_key(item_id))
    if np.any(keys == key):
        return keys
    return np.append(keys, key)[-limit:]


def _merge_keys(older: NDArray[np.uint64], newer: NDArray[np.uint64], limit: int) -> NDArray[np.uint64]:
    both = np.concatenate([older, newer])
    _, first = np.unique(both, return_index=True)
    merged: NDArray[np.uint64] = both[np.sort(first)][-limit:]
    return merged


def _merge_events(older: NDArray[np.void], newer: NDArray[np.void]) -> NDArray[np.void]:
    if not len(older) or not len(newer):
        return (older if len(older) else newer)[-HISTORY_EVENTS_MAX:]
    both = np.concatenate([older, newer])
    side = np.repeat([0, 1], [len(older), len(newer)])
    order = np.lexsort((side, both["event_type"], both["item_key"], both["time_s"]))
    both, side = both[order], side[order]
    same = np.ones(len(both), bool)
    same[0] = False
    for name in ("time_s", "item_key", "event_type"):
        same[1:] &= both[name][1:] == both[name][:-1]
    # Rank of each occurrence within its side's run of equal events: newer's k-th repeats older's k-th.
    group = np.cumsum(~same)
    start = np.concatenate([[True], (group[1:] != group[:-1]) | (side[1:] != side[:-1])])
    rank = np.arange(len(both)) - np.maximum.accumulate(np.where(start, np.arange(len(both)), 0))
    older_count = np.bincount(group[side == 0], minlength=group[-1] + 1)
    kept = (side == 0) | (rank >= older_count[group])
    merged: NDArray[np.void] = both[kept][-HISTORY_EVENTS_MAX:]
    return merged
