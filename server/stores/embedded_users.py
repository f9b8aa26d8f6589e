"""User records in LMDB."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from server.features.event_types import EventType
from server.features.history_batch import HistoryBatch
from server.features.identity import SESSION_PREFIX, USER_PREFIX, storage_key_hash
from server.features.record_codec import RecordLimits, merge_records, new_record, pack_record
from server.features.user_record import UserRecord
from server.stores.embedded_recommendations import EmbeddedRecommendationLog
from server.stores.embedded_records import (
    ERASED,
    LINKS,
    QUEUE,
    USER_SESSIONS,
    USERS,
    enqueue,
    erased_time_us,
    owner_of,
    read_or_new,
    read_record,
    write_record,
)
from server.stores.entry_codec import digest, pack_queued_erasure, queued_owner, text_key
from server.stores.lmdb_environment import LmdbEnvironment, LmdbReader, LmdbWriter

_MERGED_USERS = 256
_US = 1_000_000


class EmbeddedUserStore:
    """protocols.UserStore, and the bulk merge. clock: epoch seconds."""

    def __init__(
        self,
        environment: LmdbEnvironment,
        recommendations: EmbeddedRecommendationLog,
        limits: RecordLimits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._environment = environment
        self._recommendations = recommendations
        self._limits = limits
        self._clock = clock

    def read(self, key: str) -> UserRecord | None:
        """Returns the record, or None for an unknown user. A session that is linked reads its user's record."""
        with self._environment.read() as reader:
            return read_record(reader, owner_of(reader, key))

    def write_profile(self, user_id: str, age_bucket: int, gender: int, location_cluster: int) -> None:
        """Creates or changes a user's profile, keeping the events."""
        owner = USER_PREFIX + user_id
        now_s = int(self._clock())

        def change(writer: LmdbWriter) -> None:
            record = read_or_new(writer, owner)
            changed = replace(
                record,
                age_bucket=age_bucket,
                gender=gender,
                location_cluster=location_cluster,
                created_time_s=record.created_time_s or now_s,
                updated_time_s=max(record.updated_time_s, now_s),
            )
            write_record(writer, owner, changed)

        self._environment.write(change)

    def delete(self, user_id: str) -> bool:
        """Erases a user; see protocols.UserStore. Also removes what the user's linked sessions left."""
        now_us = int(self._clock() * _US)

        def change(writer: LmdbWriter) -> tuple[bool, list[str]]:
            return _erase(writer, user_id, now_us)

        found, owners = self._environment.write(change, frees=True)
        logged = self._recommendations.delete_owners(owners)
        return found or logged > 0

    def merge_histories(self, batch: HistoryBatch) -> int:
        """Unites histories with the records, some users a transaction; returns how many records changed."""
        changed = 0
        for start in range(0, len(batch), _MERGED_USERS):
            indices = range(start, min(start + _MERGED_USERS, len(batch)))

            def change(writer: LmdbWriter, indices: range = indices) -> int:
                return sum(self._merge_one(writer, batch, index) for index in indices)

            changed += self._environment.write(change)
        return changed

    def _merge_one(self, writer: LmdbWriter, batch: HistoryBatch, index: int) -> bool:
        owner = owner_of(writer, batch.keys[index])
        erased_us = erased_time_us(writer, owner)
        history = history_record(batch, index, owner, erased_us)
        if history is None:
            return False
        before = read_record(writer, owner)
        merged = merge_records(history, before or new_record(owner), self._limits)
        if before is not None and pack_record(before) == pack_record(merged):
            return False
        write_record(writer, owner, merged)
        return True


def history_record(batch: HistoryBatch, index: int, owner: str, erased_us: int) -> UserRecord | None:
    """Returns one history of a batch as a record, without what is from before an erasure; None when nothing is left.

    erased_us: -1 when there was no erasure. Times of purchases and hides are not in a batch; of an erased user's,
    only the purchases that the remaining events show are kept.
    """
    record = UserRecord(
        key_hash=storage_key_hash(owner),
        created_time_s=int(batch.created_time_s[index]),
        updated_time_s=int(batch.updated_time_s[index]),
        total_events=int(batch.total_events[index]),
        age_bucket=int(batch.age_bucket[index]),
        gender=int(batch.gender[index]),
        location_cluster=int(batch.location_cluster[index]),
        events=batch.events_of(index),
        bought=batch.bought_by(index),
        hidden=batch.hidden_by(index),
    )
    if erased_us < 0:
        return record
    events = record.events[record.events["time_s"] * _US > erased_us]
    if not len(events):
        return None
    purchases = events["item_key"][events["event_type"] == EventType.PURCHASE]
    return UserRecord(
        key_hash=record.key_hash,
        created_time_s=int(events["time_s"][0]),
        updated_time_s=int(events["time_s"][-1]),
        total_events=len(events),
        events=events,
        bought=record.bought[np.isin(record.bought, purchases)],
    )


def _erase(writer: LmdbWriter, user_id: str, now_us: int) -> tuple[bool, list[str]]:
    """Removes all of a user and returns whether there was anything, and the storage keys that were the user's."""
    sessions = linked_sessions(writer, user_id)
    owners = [USER_PREFIX + user_id, *(SESSION_PREFIX + session for session in sessions)]
    # An event may be dated a little ahead of the clock: it is erased as well.
    erased_us = max([now_us, *(_last_event_us(writer, owner) for owner in owners)])
    found = bool(sessions)
    for owner in owners:
        found |= writer.delete(USERS, text_key(owner))
        writer.put(ERASED, digest(owner), erased_us.to_bytes(8, "big"))
    for session in sessions:
        writer.delete(LINKS, text_key(session))
        writer.delete(USER_SESSIONS, _session_key(user_id, session))
    owned = {digest(owner) for owner in owners}
    queued = [number for number, entry in writer.scan(QUEUE) if queued_owner(entry) in owned]
    for number in queued:
        writer.delete(QUEUE, number)
    enqueue(writer, [pack_queued_erasure(user_id, erased_us)])
    return found or bool(queued), owners


def _last_event_us(reader: LmdbReader, owner: str) -> int:
    record = read_record(reader, owner)
    return (record.updated_time_s + 1) * _US if record is not None and len(record.events) else 0


def linked_sessions(reader: LmdbReader, user_id: str) -> list[str]:
    """Returns the sessions that are linked to a user."""
    prefix = _session_prefix(user_id)
    return [value.decode() for _, value in reader.scan_prefix(USER_SESSIONS, prefix)]


def put_link(writer: LmdbWriter, session_id: str, user_id: str) -> None:
    """Links a session to a user, in place of the user it was linked to."""
    before = writer.get(LINKS, text_key(session_id))
    if before is not None:
        writer.delete(USER_SESSIONS, _session_key(before.decode(), session_id))
    writer.put(LINKS, text_key(session_id), user_id.encode())
    writer.put(USER_SESSIONS, _session_key(user_id, session_id), session_id.encode())


def _session_prefix(user_id: str) -> bytes:
    return digest(user_id)


def _session_key(user_id: str, session_id: str) -> bytes:
    return _session_prefix(user_id) + digest(session_id)
