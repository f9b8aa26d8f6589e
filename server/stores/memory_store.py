"""The stores in memory, for evaluations and tests: the same behaviour, nothing on disk, one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from server.errors import StoreUnavailable
from server.features.history_batch import HistoryBatch
from server.features.identity import SESSION_PREFIX, USER_PREFIX, storage_key
from server.features.record_codec import apply_event, merge_records, new_record, pack_record
from server.features.user_event import UserEvent
from server.features.user_record import UserRecord
from server.stores.embedded_users import history_record
from server.stores.protocols import AppendResult, ItemChange, LoggedRecommendation, SessionLink
from server.stores.store import DrainResult, EventLogSink, StoreLimits, SweepResult

_US = 1_000_000


class _State:
    """What all parts share, under one lock."""

    def __init__(self, limits: StoreLimits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.clock = clock
        self.lock = threading.RLock()
        self.records: dict[str, UserRecord] = {}
        self.links: dict[str, str] = {}
        self.erased_us: dict[str, int] = {}
        self.event_ids: dict[str, float] = {}
        self.queue: list[tuple[str, UserEvent | SessionLink | tuple[str, int]]] = []
        self.shown: dict[str, LoggedRecommendation] = {}

    def owner_of(self, key: str) -> str:
        user_id = self.links.get(key.removeprefix(SESSION_PREFIX)) if key.startswith(SESSION_PREFIX) else None
        return USER_PREFIX + user_id if user_id is not None else key

    def check_room(self, entries: int) -> None:
        if len(self.queue) + entries > self.limits.queued_events_max:
            raise StoreUnavailable("the event queue is full", reason="QUEUE_FULL", retry_after_ms=1_000)


class MemoryUserStore:
    """protocols.UserStore."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def read(self, key: str) -> UserRecord | None:
        """Returns the record, or None for an unknown user. A session that is linked reads its user's record."""
        with self._state.lock:
            return self._state.records.get(self._state.owner_of(key))

    def write_profile(self, user_id: str, age_bucket: int, gender: int, location_cluster: int) -> None:
        """Creates or changes a user's profile, keeping the events."""
        owner = USER_PREFIX + user_id
        with self._state.lock:
            now_s = int(self._state.clock())
            record = self._state.records.get(owner) or new_record(owner)
            self._state.records[owner] = replace(
                record,
                age_bucket=age_bucket,
                gender=gender,
                location_cluster=location_cluster,
                created_time_s=record.created_time_s or now_s,
                updated_time_s=max(record.updated_time_s, now_s),
            )

    def delete(self, user_id: str) -> bool:
        """Erases a user; see protocols.UserStore."""
        state = self._state
        with state.lock:
            sessions = [session for session, user in state.links.items() if user == user_id]
            owners = [USER_PREFIX + user_id, *(SESSION_PREFIX + session for session in sessions)]
            removed = [state.records.pop(owner, None) for owner in owners]
            dated = [(r.updated_time_s + 1) * _US for r in removed if r is not None and len(r.events)]
            erased_us = max([int(state.clock() * _US), *dated])
            state.erased_us.update(dict.fromkeys(owners, erased_us))
            for session in sessions:
                del state.links[session]
            kept = [entry for entry in state.queue if entry[0] not in owners]
            shown = {k: e for k, e in state.shown.items() if not _shown_to(e, user_id, sessions)}
            found = (
                any(record is not None for record in removed)
                or bool(sessions)
                or len(kept) < len(state.queue)
                or len(shown) < len(state.shown)
            )
            state.queue, state.shown = [*kept, ("", (user_id, erased_us))], shown
            return found


class MemoryEventStore:
    """protocols.EventStore."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def append(self, events: Sequence[UserEvent]) -> AppendResult:
        """Stores all of the events or none of them; an event from before its user's erasure is a duplicate."""
        state, stored = self._state, 0
        with state.lock:
            state.check_room(len(events))
            for event in events:
                if event.event_id in state.event_ids:
                    continue
                state.event_ids[event.event_id] = state.clock()
                owner = state.owner_of(storage_key(event.user_id, event.session_id))
                if event.event_time_us > state.erased_us.get(owner, -1):
                    record = state.records.get(owner) or new_record(owner)
                    state.records[owner] = apply_event(record, event, state.limits.record)
                    state.queue.append((owner, event))
                    stored += 1
        return AppendResult(stored, len(events) - stored)

    def link_session(self, session_id: str, user_id: str, link_time_us: int) -> int:
        """Gives a session's events, past and future, to a user. Returns how many history events moved."""
        state, owner = self._state, USER_PREFIX + user_id
        with state.lock:
            state.check_room(1)
            state.links[session_id] = user_id
            state.queue.append((owner, SessionLink(session_id, user_id, link_time_us)))
            moved = state.records.pop(SESSION_PREFIX + session_id, None)
            if moved is None:
                return 0
            record = state.records.get(owner) or new_record(owner)
            merged = merge_records(moved, record, state.limits.record)
            merged.total_events = record.total_events + moved.total_events
            state.records[owner] = merged
            return len(moved.events)

    def queued(self) -> int:
        """Returns how many entries wait to be moved into the event log."""
        return len(self._state.queue)


class MemoryOverlayLog:
    """protocols.OverlayLog."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: list[ItemChange] = []
        self._last = 0

    def append(self, changes: Sequence[tuple[str, bool, dict[str, object]]]) -> int:
        """Appends (item_id, deleted, patch) entries atomically; returns the last sequence number."""
        with self._lock:
            for number, entry in enumerate(changes, self._last + 1):
                self._changes.append(ItemChange(number, *entry))
            self._last += len(changes)
            return self._last

    def read_after(self, sequence: int) -> Iterator[ItemChange]:
        """Yields entries with a larger sequence number, in order."""
        with self._lock:
            later = [change for change in self._changes if change.sequence > sequence]
        yield from later

    def last_sequence(self) -> int:
        """Returns the newest entry's number, 0 when there never was one."""
        return self._last

    def trim(self, sequence: int) -> int:
        """Removes entries up to a sequence number; returns how many."""
        with self._lock:
            kept = [change for change in self._changes if change.sequence > sequence]
            removed = len(self._changes) - len(kept)
            self._changes = kept
            return removed

    def raise_sequence(self, sequence: int) -> None:
        """Makes the next entry's number larger than this one."""
        with self._lock:
            self._last = max(self._last, sequence)


class MemoryRecommendationLog:
    """protocols.RecommendationLog."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def append(self, entries: Sequence[LoggedRecommendation]) -> None:
        """Stores entries."""
        with self._state.lock:
            self._state.shown.update({entry.recommendation_id: entry for entry in entries})

    def get(self, recommendation_id: str) -> LoggedRecommendation | None:
        """Returns an entry, or None when it is unknown or expired."""
        entry = self._state.shown.get(recommendation_id)
        return entry if entry is not None and entry.time_us > _oldest_us(self._state) else None


class MemoryStore:
    """store.Store in memory. Thread-safe."""

    in_process = True

    def __init__(self, limits: StoreLimits | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._state = _State(limits or StoreLimits(), clock)
        self.users = MemoryUserStore(self._state)
        self.events = MemoryEventStore(self._state)
        self.overlay = MemoryOverlayLog()
        self.recommendations = MemoryRecommendationLog(self._state)

    def watch_overlay(self, tell: Callable[[int], None]) -> None:
        """Does nothing: no other machine uses this store."""

    def worst_breaker(self) -> int:
        """Returns 0: nothing remote is asked."""
        return 0

    def merge_histories(self, batch: HistoryBatch) -> int:
        """Unites histories with the records; returns how many records changed."""
        state, changed = self._state, 0
        with state.lock:
            for index, key in enumerate(batch.keys):
                owner = state.owner_of(key)
                history = history_record(batch, index, owner, state.erased_us.get(owner, -1))
                if history is None:
                    continue
                before = state.records.get(owner)
                merged = merge_records(history, before or new_record(owner), state.limits.record)
                if before is None or pack_record(before) != pack_record(merged):
                    state.records[owner] = merged
                    changed += 1
        return changed

    def drain(self, event_log: EventLogSink, *, batch_size: int = 50_000) -> DrainResult:
        """Moves all queued entries into the event log, in order."""
        events = links = erasures = 0
        with self._state.lock:
            for number, (_, entry) in enumerate(self._state.queue):
                name = f"memory-{number}"
                if isinstance(entry, UserEvent):
                    event_log.append_events([entry], name)
                    events += 1
                elif isinstance(entry, SessionLink):
                    event_log.append_links([entry], name)
                    links += 1
                else:
                    event_log.erase_user(*entry)
                    erasures += 1
            self._state.queue.clear()
        return DrainResult(events, links, erasures)

    def sweep(self, *, limit: int = 10_000) -> SweepResult:
        """Removes what has expired, at most ``limit`` of each kind."""
        state = self._state
        with state.lock:
            oldest_s = state.clock() - state.limits.event_id_retention_s
            ids = [i for i, received_s in state.event_ids.items() if received_s < oldest_s][:limit]
            oldest_us = _oldest_us(state)
            shown = [i for i, entry in state.shown.items() if entry.time_us <= oldest_us][:limit]
            for event_id in ids:
                del state.event_ids[event_id]
            for recommendation_id in shown:
                del state.shown[recommendation_id]
        return SweepResult(len(ids), len(shown), more=limit in (len(ids), len(shown)))

    def copy_to(self, directory: Path) -> None:
        """Raises StoreUnavailable: there is nothing on disk to copy."""
        raise StoreUnavailable("a store in memory cannot be backed up", reason="STORE_NOT_ON_DISK")

    def close(self) -> None:
        """Does nothing."""


def _oldest_us(state: _State) -> int:
    return int((state.clock() - state.limits.recommendation_retention_s) * _US)


def _shown_to(entry: LoggedRecommendation, user_id: str, sessions: Sequence[str]) -> bool:
    return entry.user_id == user_id or entry.session_id in sessions
