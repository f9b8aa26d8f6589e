"""Events in, by Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from server.errors import StoreUnavailable
from server.features.identity import SESSION_PREFIX, USER_PREFIX, storage_key
from server.features.record_codec import RecordLimits, apply_events, merge_records, pack_record
from server.features.user_event import UserEvent
from server.stores.entry_codec import digest, pack_queued_event, pack_queued_link
from server.stores.protocols import AppendResult, SessionLink
from server.stores.redis_commit import Commit, done_or_full
from server.stores.redis_keys import RedisKeys
from server.stores.redis_link import RedisLink, write
from server.stores.redis_records import (
    Held,
    attempts,
    check_links,
    owner_of,
    read_held,
    read_links,
    unpack_held,
)

_NOTHING_MOVED = b"-"


class RedisEventStore:
    """protocols.EventStore. retention_s: how long event ids are remembered. clock: epoch seconds.

    known_queued: entries of all partitions as of the last count, for a limit over all of them.
    """

    def __init__(
        self,
        link: RedisLink,
        keys: RedisKeys,
        limits: RecordLimits,
        *,
        retention_s: float,
        queued_events_max: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._link = link
        self._keys = keys
        self._limits = limits
        self._retention_s = retention_s
        self._queued_events_max = queued_events_max
        self._clock = clock
        self.known_queued = 0

    def append(self, events: Sequence[UserEvent]) -> AppendResult:
        """Stores the events; an event from before its user's erasure is a duplicate.

        All or none of a partition's events, and so of any one user's. Where a cluster's node fails, the events of
        other nodes may be stored already; the same call again stores the rest.
        """
        if self.known_queued + len(events) > self._queued_events_max and self._keys.partitions > 1:
            raise StoreUnavailable("the event queue is full", reason="QUEUE_FULL", retry_after_ms=1_000)
        received_s, stored, waiting = int(self._clock()), 0, list(events)
        for _ in attempts():
            done, waiting = self._append(waiting, received_s)
            stored += done
            if not waiting:
                break
        return AppendResult(stored, len(events) - stored)

    def link_session(self, session_id: str, user_id: str, link_time_us: int) -> int:
        """Gives a session's events, past and future, to a user. Returns how many history events moved."""
        count: int | None = None
        for overtaken in attempts():
            if overtaken:
                self._freeze(session_id, user_id)
            count = self._link_session(session_id, user_id, link_time_us)
            if count is not None:
                break
        return count or 0

    def queued(self) -> int:
        """Returns how many entries wait to be moved into the Parquet event log."""
        lengths = (
            write(self._link, partition, [("XLEN", self._keys.queue(partition))])[0]
            for partition in range(self._keys.partitions)
        )
        self.known_queued = sum(lengths)
        return self.known_queued

    def sweep(self, limit: int) -> int:
        """Forgets up to ``limit`` event ids that are past their retention; returns how many."""
        oldest_s = max(int(self._clock() - self._retention_s), 0)
        removed = 0
        for partition in range(self._keys.partitions):
            name = self._keys.event_ids(partition)
            found = ("ZRANGEBYSCORE", name, "-inf", f"({oldest_s}", "LIMIT", 0, limit - removed)
            expired = write(self._link, partition, [found])[0]
            if expired:
                removed += write(self._link, partition, [("ZREM", name, *expired)])[0]
            if removed >= limit:
                break
        return removed

    def _append(self, events: list[UserEvent], received_s: int) -> tuple[int, list[UserEvent]]:
        """Returns how many were stored, and the events that other writers overtook."""
        links = read_links(self._link, self._keys, map(_key_of, events))
        stored, overtaken = 0, []
        groups: dict[int, list[UserEvent]] = {}
        for event in events:
            partition = self._keys.partition_of(owner_of(_key_of(event), links))
            groups.setdefault(partition, []).append(event)
        for partition, group in groups.items():
            fresh = self._fresh(partition, group)
            if not fresh:
                continue
            done = self._commit(partition, fresh, links, received_s)
            if done is None:
                overtaken += group
            else:
                stored += done
        return stored, overtaken

    def _fresh(self, partition: int, events: list[UserEvent]) -> dict[bytes, UserEvent]:
        """Returns the events whose id is new, by its digest."""
        first: dict[bytes, UserEvent] = {}
        for event in events:
            first.setdefault(digest(event.event_id), event)
        scores = write(self._link, partition, [("ZMSCORE", self._keys.event_ids(partition), *first)])[0]
        return {name: first[name] for name, score in zip(first, scores, strict=True) if score is None}

    def _commit(
        self, partition: int, fresh: dict[bytes, UserEvent], links: dict[str, bytes], received_s: int
    ) -> int | None:
        """Stores events of one partition; returns how many were not erased ones, None where others were faster."""
        keys = self._keys
        owned: dict[str, list[UserEvent]] = {}
        for event in fresh.values():
            owned.setdefault(owner_of(_key_of(event), links), []).append(event)
        held = read_held(self._link, keys, owned)
        commit = Commit()
        for name in fresh:
            commit.check_lacks(keys.event_ids(partition), name)
        sessions = {key for key in map(_key_of, fresh.values()) if key in links}
        check_links(commit, keys, partition, {key: links[key] for key in sessions})
        kept = {owner: _after_erasure(held[owner], group) for owner, group in owned.items()}
        commit.check_room(keys.queue(partition), sum(map(len, kept.values())), self._queued_events_max)
        for owner, group in kept.items():
            held[owner].check(commit, keys)
            if group:
                record = apply_events(held[owner].record_or_new(), group, self._limits)
                commit.write_record(keys.user(owner), pack_record(record))
        commit.write_members(keys.event_ids(partition), received_s, list(fresh))
        stored = set(map(id, (event for group in kept.values() for event in group)))
        for event in fresh.values():
            if id(event) in stored:
                entry = pack_queued_event(owner_of(_key_of(event), links), event)
                commit.write("XADD", keys.queue(partition), "*", "e", entry)
        return len(stored) if done_or_full(commit.run(self._link, partition)) else None

    def _link_session(self, session_id: str, user_id: str, link_time_us: int) -> int | None:
        """Returns how many events moved, None where others were faster.

        Three steps: the session is linked, which freezes its record; the user's record takes it over, noting which;
        it is removed. On one partition they are one transaction. Cut off between two, the next call goes on.
        """
        keys, session, user = self._keys, SESSION_PREFIX + session_id, USER_PREFIX + user_id
        places = keys.partition_of(session), keys.partition_of(user)
        names = keys.user(session), keys.link(session)
        content, linked = write(self._link, places[0], [("MGET", *names)])[0]
        moved = unpack_held(content, session)
        noted = write(self._link, places[1], [("HGET", keys.sessions(user), session_id)])[0] or b""
        held = read_held(self._link, keys, [user])[user]
        one = Commit()
        freeze, take, remove = (one, one, one) if places[0] == places[1] else (one, Commit(), Commit())
        freeze.check_stamp(names[0], moved.stamp)
        freeze.check_value(names[1], linked or b"")
        freeze.write("SET", names[1], user_id)
        take.check_field(keys.sessions(user), session_id, noted)
        take.check_room(keys.queue(places[1]), 1, self._queued_events_max)
        take.write("HSET", keys.sessions(user), session_id, moved.stamp or _NOTHING_MOVED)
        entry = pack_queued_link(SessionLink(session_id, user_id, link_time_us))
        take.write("XADD", keys.queue(places[1]), "*", "e", entry)
        count = self._take_over(take, held, moved, noted)
        if moved.stamp:
            remove.check_stamp(names[0], moved.stamp)
            remove.write("DEL", names[0])
        steps = {freeze: places[0], take: places[1], remove: places[0]}
        for commit, place in steps.items():
            if not commit.empty and not done_or_full(commit.run(self._link, place)):
                return None
        if linked and linked != user_id.encode():
            self._forget(linked.decode(), session_id)
        return count

    def _freeze(self, session_id: str, user_id: str) -> None:
        """Links a session without its record: the session's next events go to the user, so the record stands still
        however busily they come."""
        session = SESSION_PREFIX + session_id
        partition, name = self._keys.partition_of(session), self._keys.link(session)
        before = write(self._link, partition, [("GET", name)])[0] or b""
        if before in (b"", user_id.encode()):
            commit = Commit()
            commit.check_value(name, before)
            commit.write("SET", name, user_id)
            commit.run(self._link, partition)

    def _take_over(self, commit: Commit, held: Held, moved: Held, noted: bytes) -> int:
        """Unites a session's record with the user's, once; returns how many history events come with it."""
        if moved.record is None or moved.stamp == noted:
            return 0
        held.check(commit, self._keys)
        record = held.record_or_new()
        merged = merge_records(moved.record, record, self._limits)
        merged.total_events = record.total_events + moved.record.total_events
        commit.write_record(self._keys.user(held.owner), pack_record(merged))
        return len(moved.record.events)

    def _forget(self, user_id: str, session_id: str) -> None:
        """Takes a session off the list of a user that it is no longer linked to."""
        user = USER_PREFIX + user_id
        command = ("HDEL", self._keys.sessions(user), session_id)
        write(self._link, self._keys.partition_of(user), [command])


def _key_of(event: UserEvent) -> str:
    return storage_key(event.user_id, event.session_id)


def _after_erasure(held: Held, events: list[UserEvent]) -> list[UserEvent]:
    return [event for event in events if event.event_time_us > held.erased_us]
