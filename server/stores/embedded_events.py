"""Events in, and item changes in, by LMDB."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from server.errors import StoreUnavailable
from server.features.identity import SESSION_PREFIX, USER_PREFIX, storage_key
from server.features.record_codec import RecordLimits, apply_events, merge_records
from server.features.user_event import UserEvent
from server.stores.embedded_records import (
    EVENT_ID_TIMES,
    EVENT_IDS,
    OVERLAY,
    QUEUE,
    USERS,
    enqueue,
    erased_time_us,
    next_number,
    owner_of,
    read_number,
    read_or_new,
    read_record,
    write_number,
    write_record,
)
from server.stores.embedded_users import put_link
from server.stores.entry_codec import (
    digest,
    number_key,
    pack_change,
    pack_queued_event,
    pack_queued_link,
    text_key,
    unpack_change,
)
from server.stores.lmdb_environment import LmdbEnvironment, LmdbWriter
from server.stores.protocols import AppendResult, ItemChange, SessionLink

_NUMBER_BYTES = 8
_READ_CHUNK = 1_000


class EmbeddedEventStore:
    """protocols.EventStore. retention_s: how long event ids are remembered. clock: epoch seconds."""

    def __init__(
        self,
        environment: LmdbEnvironment,
        limits: RecordLimits,
        *,
        retention_s: float,
        queued_events_max: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._environment = environment
        self._limits = limits
        self._retention_s = retention_s
        self._queued_events_max = queued_events_max
        self._clock = clock

    def append(self, events: Sequence[UserEvent]) -> AppendResult:
        """Stores all of the events or none of them; an event from before its user's erasure is a duplicate."""
        received_s = int(self._clock())

        def change(writer: LmdbWriter) -> AppendResult:
            self._check_room(writer, len(events))
            fresh = _remember(writer, events, received_s)
            stored = self._store(writer, fresh)
            return AppendResult(stored, len(events) - stored)

        return self._environment.write(change)

    def link_session(self, session_id: str, user_id: str, link_time_us: int) -> int:
        """Gives a session's events, past and future, to a user. Returns how many history events moved."""
        session, user = SESSION_PREFIX + session_id, USER_PREFIX + user_id

        def change(writer: LmdbWriter) -> int:
            self._check_room(writer, 1)
            moved = read_record(writer, session)
            put_link(writer, session_id, user_id)
            enqueue(writer, [pack_queued_link(SessionLink(session_id, user_id, link_time_us))])
            if moved is None:
                return 0
            record = read_or_new(writer, user)
            merged = merge_records(moved, record, self._limits)
            merged.total_events = record.total_events + moved.total_events
            write_record(writer, user, merged)
            writer.delete(USERS, text_key(session))
            return len(moved.events)

        return self._environment.write(change)

    def queued(self) -> int:
        """Returns how many entries wait to be moved into the Parquet event log."""
        with self._environment.read() as reader:
            return reader.count(QUEUE)

    def sweep(self, limit: int) -> int:
        """Forgets up to ``limit`` event ids that are past their retention; returns how many."""
        oldest = number_key(max(int(self._clock() - self._retention_s), 0))

        def change(writer: LmdbWriter) -> int:
            expired: list[bytes] = []
            for key, _ in writer.scan(EVENT_ID_TIMES):
                if key[:_NUMBER_BYTES] >= oldest or len(expired) == limit:
                    break
                expired.append(key)
            for key in expired:
                writer.delete(EVENT_ID_TIMES, key)
                writer.delete(EVENT_IDS, key[_NUMBER_BYTES:])
            return len(expired)

        return self._environment.write(change, frees=True)

    def _check_room(self, writer: LmdbWriter, entries: int) -> None:
        if writer.count(QUEUE) + entries > self._queued_events_max:
            raise StoreUnavailable("the event queue is full", reason="QUEUE_FULL", retry_after_ms=1_000)

    def _store(self, writer: LmdbWriter, events: Sequence[UserEvent]) -> int:
        """Applies events to their owners' records and queues them; returns how many were not erased ones."""
        by_owner: dict[str, list[UserEvent]] = {}
        erased: dict[str, int] = {}
        entries: list[bytes] = []
        owners: dict[str, str] = {}
        for event in events:
            key = storage_key(event.user_id, event.session_id)
            if key not in owners:
                owners[key] = owner_of(writer, key)
            owner = owners[key]
            if owner not in erased:
                erased[owner] = erased_time_us(writer, owner)
            if event.event_time_us > erased[owner]:
                by_owner.setdefault(owner, []).append(event)
                entries.append(pack_queued_event(owner, event))
        for owner, owned in by_owner.items():
            record = apply_events(read_or_new(writer, owner), owned, self._limits)
            write_record(writer, owner, record)
        enqueue(writer, entries)
        return len(entries)


def _remember(writer: LmdbWriter, events: Sequence[UserEvent], received_s: int) -> list[UserEvent]:
    """Notes the events' ids; returns the events whose id is new."""
    fresh: list[UserEvent] = []
    times: list[tuple[bytes, bytes]] = []
    for event in events:
        key = digest(event.event_id)
        if writer.put_new(EVENT_IDS, key, b""):
            fresh.append(event)
            times.append((number_key(received_s) + key, b""))
    writer.put_all(EVENT_ID_TIMES, times)
    return fresh


class EmbeddedOverlayLog:
    """protocols.OverlayLog."""

    def __init__(self, environment: LmdbEnvironment) -> None:
        self._environment = environment

    def append(self, changes: Sequence[tuple[str, bool, dict[str, object]]]) -> int:
        """Appends (item_id, deleted, patch) entries atomically; returns the last sequence number."""

        def change(writer: LmdbWriter) -> int:
            first = next_number(writer, OVERLAY, len(changes))
            entries = [
                (number_key(number), pack_change(*entry)) for number, entry in enumerate(changes, first)
            ]
            writer.put_all(OVERLAY, entries, append=True)
            return first + len(changes) - 1

        return self._environment.write(change) if changes else self.last_sequence()

    def read_after(self, sequence: int) -> Iterator[ItemChange]:
        """Yields entries with a larger sequence number, in order; no snapshot stays open between them."""
        while chunk := self._read_chunk(sequence):
            yield from chunk
            sequence = chunk[-1].sequence

    def last_sequence(self) -> int:
        """Returns the newest entry's number, 0 when there never was one."""
        with self._environment.read() as reader:
            return read_number(reader, OVERLAY)

    def trim(self, sequence: int) -> int:
        """Removes entries up to a sequence number; returns how many. Numbers are never given again."""
        removed = 0
        while chunk := self._environment.write(lambda writer: _trim(writer, sequence), frees=True):
            removed += chunk
        return removed

    def raise_sequence(self, sequence: int) -> None:
        """Makes the next entry's number larger than this one."""

        def change(writer: LmdbWriter) -> None:
            write_number(writer, OVERLAY, max(sequence, read_number(writer, OVERLAY)))

        self._environment.write(change)

    def _read_chunk(self, sequence: int) -> list[ItemChange]:
        chunk: list[ItemChange] = []
        with self._environment.read() as reader:
            for key, content in reader.scan(OVERLAY, number_key(sequence + 1)):
                chunk.append(unpack_change(int.from_bytes(key, "big"), content))
                if len(chunk) == _READ_CHUNK:
                    break
        return chunk


def _trim(writer: LmdbWriter, sequence: int) -> int:
    """Removes some entries up to a number; returns how many, 0 when none is left."""
    keys: list[bytes] = []
    for key, _ in writer.scan(OVERLAY):
        if int.from_bytes(key, "big") > sequence or len(keys) == _READ_CHUNK:
            break
        keys.append(key)
    for key in keys:
        writer.delete(OVERLAY, key)
    return len(keys)
