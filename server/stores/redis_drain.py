"""Moves queued entries from Redis into the Parquet event log.

A batch is fixed in the store, as the end of each partition's part, before anything of it is written to the log, and
is named by it; so when a drain dies at any point, the next one writes the same batch under the same name, which the
log knows. Entries leave the queue only after the log has them on the disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson

from server.stores.entry_codec import (
    digest,
    queued_kind,
    queued_owner,
)
from server.stores.queued_entries import append_entries
from server.stores.redis_commit import Commit, Outcome
from server.stores.redis_keys import RedisKeys
from server.stores.redis_link import RedisLink, write
from server.stores.store import DrainResult, EventLogSink

_CHUNK = 500
_LOCK_MS = 120_000
_ROUNDS_MAX = 10_000

Position = tuple[int, int]
"""An entry's place in its stream: milliseconds and a number within them."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One partition's share of a batch: entries of one kind up to an end. positions: one an entry."""

    partition: int
    end: str
    entries: list[bytes]
    positions: list[Position]


def drain(link: RedisLink, keys: RedisKeys, event_log: EventLogSink, batch_size: int) -> DrainResult:
    """Moves everything that is queued when it starts; see store.Store.drain."""
    with _only_one(link, keys) as (mine, renew):
        if not mine:
            return DrainResult()
        ends = {partition: _last(link, keys, partition) for partition in range(keys.partitions)}
        events = links = erasures = 0
        for _ in range(_ROUNDS_MAX):
            parts = _under_way(link, keys) or _fix_batch(link, keys, ends, batch_size)
            if not parts:
                break
            moved = _move(link, keys, event_log, parts)
            _remove(link, keys, parts)
            renew()
            events, links, erasures = events + moved.events, links + moved.links, erasures + moved.erasures
        return DrainResult(events, links, erasures)


@contextmanager
def _only_one(link: RedisLink, keys: RedisKeys) -> Iterator[tuple[bool, Callable[[], None]]]:
    """Yields whether this drain may run, and what keeps its right; one that died loses it after a while."""
    token = os.urandom(8).hex()

    def hold(value: str) -> bool:
        commit = Commit(allow_oom=True)
        commit.check_value(keys.drain_lock, value.encode())
        commit.write("SET", keys.drain_lock, token, "PX", _LOCK_MS)
        return commit.run(link, 0) is Outcome.DONE

    def renew() -> None:
        hold(token)

    mine = hold("")
    try:
        yield mine, renew
    finally:
        if mine:
            release = Commit(allow_oom=True)
            release.check_value(keys.drain_lock, token.encode())
            release.write("DEL", keys.drain_lock)
            release.run(link, 0)


def _last(link: RedisLink, keys: RedisKeys, partition: int) -> Position:
    found = write(link, partition, [("XREVRANGE", keys.queue(partition), "+", "-", "COUNT", 1)])[0]
    return _position(found[0][0]) if found else (0, 0)


def _under_way(link: RedisLink, keys: RedisKeys) -> list[_Part]:
    """Returns the batch that a drain before this one had fixed and not finished."""
    noted = write(link, 0, [("GET", keys.drain)])[0]
    if noted is None:
        return []
    parts = []
    for partition, end in orjson.loads(noted):
        found = list(_entries(link, keys, partition, _position(end.encode())))
        parts.append(_Part(partition, end, [entry for _, entry in found], [place for place, _ in found]))
    return parts


def _fix_batch(link: RedisLink, keys: RedisKeys, ends: dict[int, Position], batch_size: int) -> list[_Part]:
    """Notes and returns the next batch; nothing when all up to the ends is moved."""
    parts: list[_Part] = []
    room = batch_size
    for partition, stop in ends.items():
        part = _next_part(link, keys, partition, stop, room) if room and stop > (0, 0) else None
        if part is not None:
            parts.append(part)
            room -= len(part.entries)
    if parts:
        note = Commit(allow_oom=True)
        note.write("SET", keys.drain, orjson.dumps([(part.partition, part.end) for part in parts]))
        note.run(link, 0)
    return parts


def _next_part(link: RedisLink, keys: RedisKeys, partition: int, stop: Position, room: int) -> _Part | None:
    """Returns a partition's first entries of one kind: the log must see an erasure after the events before it."""
    entries: list[bytes] = []
    positions: list[Position] = []
    for position, entry in _entries(link, keys, partition, stop):
        if len(entries) == room or (entries and queued_kind(entry) is not queued_kind(entries[0])):
            break
        entries.append(entry)
        positions.append(position)
    if not entries:
        return None
    return _Part(partition, "{}-{}".format(*positions[-1]), entries, positions)


def _entries(
    link: RedisLink, keys: RedisKeys, partition: int, stop: Position
) -> Iterator[tuple[Position, bytes]]:
    """Yields (position, content) of queued entries up to a position, in order, read in portions."""
    start = "-"
    while True:
        command = ("XRANGE", keys.queue(partition), start, f"{stop[0]}-{stop[1]}", "COUNT", _CHUNK)
        chunk = write(link, partition, [command])[0]
        for name, fields in chunk:
            yield _position(name), fields[1]
        if len(chunk) < _CHUNK:
            return
        start = f"({chunk[-1][0].decode()}"


def _move(link: RedisLink, keys: RedisKeys, event_log: EventLogSink, parts: list[_Part]) -> DrainResult:
    name = "redis-" + digest(repr([(part.partition, part.end) for part in parts])).hex()
    entries = (entry for part in parts for entry in _not_erased(link, keys, part))
    return append_entries(event_log, entries, name)


def _not_erased(link: RedisLink, keys: RedisKeys, part: _Part) -> Iterator[bytes]:
    """Yields a part's entries, without those that an erasure of their owner came after."""
    owners = list(dict.fromkeys(map(queued_owner, part.entries)))
    marks: dict[bytes, bytes | None] = {}
    for start in range(0, len(owners), _CHUNK):
        some = owners[start : start + _CHUNK]
        found = write(link, part.partition, [("HMGET", keys.erased(part.partition), *some)])[0]
        marks.update(zip(some, found, strict=True))
    stops = {owner: _position(mark.split(b" ")[1]) for owner, mark in marks.items() if mark is not None}
    for entry, position in zip(part.entries, part.positions, strict=True):
        if position > stops.get(queued_owner(entry), (0, 0)):
            yield entry


def _remove(link: RedisLink, keys: RedisKeys, parts: list[_Part]) -> None:
    for part in parts:
        milliseconds, number = _position(part.end.encode())
        command = ("XTRIM", keys.queue(part.partition), "MINID", f"{milliseconds}-{number + 1}")
        write(link, part.partition, [command])
    write(link, 0, [("DEL", keys.drain)])


def _position(name: bytes) -> Position:
    milliseconds, _, number = name.partition(b"-")
    return int(milliseconds), int(number)
