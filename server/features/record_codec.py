"""User records to bytes and back, and how an event changes a record. Pure functions; see user_record.py."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xxhash
from numpy.typing import NDArray

from server.features.declarations import HISTORY_EVENTS_MAX
from server.features.event_types import HISTORY_EVENT_TYPES, EventType
from server.features.identity import item_key, storage_key_hash
from server.features.user_event import UserEvent
from server.features.user_record import RECENT_EVENT, RECORD_MAGIC, RECORD_VERSION, UserRecord

NO_RATING_X20 = 255
"""rating_x20 of an event without a rating; 0 to 100 are ratings 0 to 5."""

DWELL_TIME_S_MAX = 2**32 - 1
_US = 1_000_000
_KEY = np.dtype("<u8")

# user_record.HEADER for the request path: NumPy takes a microsecond for each field of a scalar.
_HEADER = struct.Struct("<IHHQqqIIIhbb")
_PROFILE = struct.Struct("<qqqbbh")


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
    header = _HEADER.pack(
        RECORD_MAGIC,
        RECORD_VERSION,
        len(record.events),
        record.key_hash,
        record.created_time_s,
        record.updated_time_s,
        record.total_events,
        len(record.bought),
        len(record.hidden),
        record.location_cluster,
        record.age_bucket,
        record.gender,
    )
    keys = (record.bought.astype(_KEY, copy=False), record.hidden.astype(_KEY, copy=False))
    events = record.events.astype(RECENT_EVENT, copy=False)
    return b"".join((header, events.tobytes(), keys[0].tobytes(), keys[1].tobytes()))


def unpack_record(content: bytes, key: str) -> UserRecord:
    """Returns the record; its arrays are read-only views of the content.

    Raises RecordRefused for another magic, version or length, and for the record of another key.
    """
    if len(content) < _HEADER.size:
        raise RecordRefused("a record is longer than this")
    # fmt: off
    (magic, version, events, key_hash, created_time_s, updated_time_s, total_events, bought, hidden,
     location_cluster, age_bucket, gender) = _HEADER.unpack_from(content)
    # fmt: on
    if magic != RECORD_MAGIC:
        raise RecordRefused("not a user record")
    if version != RECORD_VERSION:
        raise RecordRefused(f"record version {version}, not {RECORD_VERSION}")
    if key_hash != storage_key_hash(key):
        raise RecordRefused("the record of another key")
    bought_at = _HEADER.size + events * RECENT_EVENT.itemsize
    hidden_at = bought_at + bought * _KEY.itemsize
    if len(content) != hidden_at + hidden * _KEY.itemsize:
        raise RecordRefused("the record's length is not what its header says")
    return UserRecord(
        key_hash=key_hash,
        created_time_s=created_time_s,
        updated_time_s=updated_time_s,
        total_events=total_events,
        age_bucket=age_bucket,
        gender=gender,
        location_cluster=location_cluster,
        events=np.frombuffer(content, RECENT_EVENT, events, _HEADER.size),
        bought=np.frombuffer(content, _KEY, bought, bought_at),
        hidden=np.frombuffer(content, _KEY, hidden, hidden_at),
    )


def content_digest(record: UserRecord) -> bytes:
    """Returns 16 bytes that differ where anything differs that features and candidates are computed from."""
    parts = (record.events.tobytes(), record.bought.tobytes(), record.hidden.tobytes())
    profile = _PROFILE.pack(*map(len, parts), record.age_bucket, record.gender, record.location_cluster)
    return xxhash.xxh3_128_digest(b"".join((profile, *parts)))


def apply_event(record: UserRecord, event: UserEvent, limits: RecordLimits) -> UserRecord:
    """Returns the record after an event; the given one is unchanged.

    Events may come late: history stays in order of event time, the later arrival of two equal times last.
    """
    return apply_events(record, [event], limits)


def apply_events(record: UserRecord, events: Sequence[UserEvent], limits: RecordLimits) -> UserRecord:
    """Returns the record after events in order of arrival: what apply_event gives one by one, in one step."""
    if not events:
        return record
    times_s = [event.event_time_us // _US for event in events]
    return replace(
        record,
        total_events=record.total_events + len(events),
        created_time_s=_earlier(record.created_time_s, min(times_s)),
        updated_time_s=max(record.updated_time_s, *times_s),
        events=_with_events(record.events, events),
        bought=_with_keys(record.bought, events, EventType.PURCHASE, limits.bought_items_max),
        hidden=_with_keys(record.hidden, events, EventType.HIDE, limits.hidden_items_max),
    )


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


def _with_events(history: NDArray[np.void], events: Sequence[UserEvent]) -> NDArray[np.void]:
    values = [history_event(event) for event in events if event.event_type in HISTORY_EVENT_TYPES]
    if not values:
        return history
    both = np.concatenate([history, np.array(values, RECENT_EVENT)])
    times_s = both["time_s"]
    if np.any(times_s[1:] < times_s[:-1]):
        both = both[np.argsort(times_s, kind="stable")]
    return both[-HISTORY_EVENTS_MAX:]


def history_event(event: UserEvent) -> tuple[int, ...]:
    """Returns an event's values in the order of RECENT_EVENT."""
    rating = NO_RATING_X20 if event.rating < 0 else round(event.rating * 20)
    dwell_s = min(max(event.dwell_time_ms, 0) // 1000, DWELL_TIME_S_MAX)
    time_s = event.event_time_us // _US
    return item_key(event.item_id), time_s, event.event_type, event.page_type, rating, 0, dwell_s


def _with_keys(
    keys: NDArray[np.uint64], events: Sequence[UserEvent], kind: EventType, limit: int
) -> NDArray[np.uint64]:
    for event in events:
        if event.event_type == kind:
            key = np.uint64(item_key(event.item_id))
            if not np.any(keys == key):
                keys = np.append(keys, key)[-limit:]
    return keys


def _merge_keys(older: NDArray[np.uint64], newer: NDArray[np.uint64], limit: int) -> NDArray[np.uint64]:
    both = np.concatenate([older, newer])
    _, first = np.unique(both, return_index=True)
    merged: NDArray[np.uint64] = both[np.sort(first)][-limit:]
    return merged


def _merge_events(older: NDArray[np.void], newer: NDArray[np.void]) -> NDArray[np.void]:
    """Returns the union by time; equal times stand by item and type, so that merging again keeps the order."""
    both = np.concatenate([older, newer])
    if not len(both):
        return both
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
