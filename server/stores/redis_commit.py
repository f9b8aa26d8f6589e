"""One optimistic transaction on one partition: what was read must still hold, then everything is written, or nothing.

A script on the server, not WATCH and MULTI: it says which check failed, one round trip is enough, and a counter that
all writers share, such as the queue's end, conflicts with nobody.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from enum import Enum

import hiredis

from server.errors import StoreUnavailable
from server.stores.redis_connection import Command, Reply
from server.stores.redis_errors import error_kind
from server.stores.redis_link import RedisLink, checked, settled

STAMP_BYTES = 8
_MEMBERS_MAX = 1_000

_BODY = """
local at = 0
local function take() at = at + 1; return ARGV[at] end

local checks = {
  stamp = function(key) return redis.call('GETRANGE', key, 0, 7) == take() end,
  value = function(key) return (redis.call('GET', key) or '') == take() end,
  field = function(key) local f = take(); return (redis.call('HGET', key, f) or '') == take() end,
  lacks = function(key) return redis.call('ZSCORE', key, take()) == false end,
}
for _ = 1, tonumber(take()) do
  local kind = take()
  local key = KEYS[tonumber(take())]
  if kind == 'room' then
    local more = tonumber(take())
    if redis.call('XLEN', key) + more > tonumber(take()) then return 'FULL' end
  elseif not checks[kind](key) then
    return 'CONFLICT'
  end
end
for _ = 1, tonumber(take()) do
  local command = take()
  local key = KEYS[tonumber(take())]
  local arguments = {}
  for n = 1, tonumber(take()) do arguments[n] = take() end
  if command == 'ERASED' then
    local last = redis.call('XREVRANGE', arguments[2], '+', '-', 'COUNT', 1)
    local stop = last[1] and last[1][1] or '0-0'
    redis.call('HSET', key, arguments[1], arguments[3] .. ' ' .. stop)
  else
    redis.call(command, key, unpack(arguments))
  end
end
return 'OK'
"""


class Script:
    """A Lua script that is sent once to each server and called by its digest from then on.

    allow_oom: it also runs on a server that is full.
    """

    def __init__(self, body: str, *, allow_oom: bool = False) -> None:
        self._text = (f"#!lua{' flags=allow-oom' if allow_oom else ''}\n" + body).encode()
        self._digest = hashlib.sha1(self._text, usedforsecurity=False).hexdigest()

    def run(self, link: RedisLink, partition: int, keys: Sequence[bytes], arguments: Command) -> Reply:
        """Returns what the script returns. Raises StoreUnavailable; it is then unknown whether it ran."""
        return settled(link, lambda: self._run(link, partition, (len(keys), *keys, *arguments)))

    def _run(self, link: RedisLink, partition: int, tail: Command) -> Reply:
        ends_s = time.monotonic() + link.times.write_s
        replies = link.ask(partition, [("EVALSHA", self._digest, *tail)], ends_s)
        if isinstance(replies[0], hiredis.ReplyError) and error_kind(replies[0]) == "NOSCRIPT":
            replies = link.ask(partition, [("EVAL", self._text, *tail)], ends_s)
        return checked(replies)[0]


_COMMIT = Script(_BODY)
_COMMIT_WHEN_FULL = Script(_BODY, allow_oom=True)


class Outcome(Enum):
    """How a commit ended; but for DONE nothing was written."""

    DONE = b"OK"
    CONFLICT = b"CONFLICT"
    FULL = b"FULL"


class Commit:
    """Collects checks and writes of one partition. allow_oom: for what frees memory: erasures and drains."""

    def __init__(self, *, allow_oom: bool = False) -> None:
        self._script = _COMMIT_WHEN_FULL if allow_oom else _COMMIT
        self._keys: dict[bytes, int] = {}
        self._checks: list[bytes | str | int] = []
        self._check_count = 0
        self._writes: list[bytes | str | int | float] = []
        self._write_count = 0

    @property
    def empty(self) -> bool:
        """Returns whether there is nothing to write."""
        return not self._write_count

    def check_stamp(self, key: bytes, stamp: bytes) -> None:
        """The record was not written since; stamp: empty where there was none."""
        self._check("stamp", key, stamp)

    def check_value(self, key: bytes, value: bytes) -> None:
        """The string is as it was; empty where there was none."""
        self._check("value", key, value)

    def check_field(self, key: bytes, field: bytes | str, value: bytes) -> None:
        """The field of the hash is as it was; empty where there was none."""
        self._check("field", key, field, value)

    def check_lacks(self, key: bytes, member: bytes) -> None:
        """The sorted set has no such member."""
        self._check("lacks", key, member)

    def check_room(self, key: bytes, more: int, limit: int) -> None:
        """The stream stays within a limit with so many entries more."""
        self._check("room", key, more, limit)

    def write(self, command: str, key: bytes, *arguments: bytes | str | int | float) -> None:
        """Runs a command whose first argument is a key."""
        self._writes += (command, self._number(key), len(arguments), *arguments)
        self._write_count += 1

    def write_record(self, key: bytes, record: bytes) -> None:
        """Stores a record under a new stamp."""
        self.write("SET", key, os.urandom(STAMP_BYTES) + record)

    def write_members(self, key: bytes, score: int, members: Sequence[bytes]) -> None:
        """Adds members of one score to a sorted set."""
        for start in range(0, len(members), _MEMBERS_MAX):
            pairs = [part for member in members[start : start + _MEMBERS_MAX] for part in (score, member)]
            self.write("ZADD", key, *pairs)

    def mark_erased(self, key: bytes, owner: bytes, queue: bytes, erased_us: int) -> None:
        """Notes an erasure: its time, and that queued entries up to the queue's present end are erased."""
        self._number(queue)
        self.write("ERASED", key, owner, queue, erased_us)

    def run(self, link: RedisLink, partition: int) -> Outcome:
        """Does it. Raises StoreUnavailable; it is then unknown whether it was done."""
        arguments = (self._check_count, *self._checks, self._write_count, *self._writes)
        return Outcome(self._script.run(link, partition, list(self._keys), arguments))

    def _check(self, kind: str, key: bytes, *arguments: bytes | str | int) -> None:
        self._checks += (kind, self._number(key), *arguments)
        self._check_count += 1

    def _number(self, key: bytes) -> int:
        return self._keys.setdefault(key, len(self._keys) + 1)


def done_or_full(outcome: Outcome) -> bool:
    """Returns whether a commit was done, False for a conflict. Raises StoreUnavailable where the queue is full."""
    if outcome is Outcome.FULL:
        raise StoreUnavailable("the event queue is full", reason="QUEUE_FULL", retry_after_ms=1_000)
    return outcome is Outcome.DONE
