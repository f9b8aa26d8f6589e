"""The recommendation log in Redis: entries that expire by themselves, and a list of them for each user and session."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from server.features.identity import SESSION_PREFIX, USER_PREFIX
from server.stores.entry_codec import pack_recommendation, unpack_recommendation
from server.stores.protocols import LoggedRecommendation
from server.stores.redis_connection import Command
from server.stores.redis_keys import RedisKeys
from server.stores.redis_link import RedisLink, write
from server.stores.redis_records import by_partition

_US = 1_000_000


class RedisRecommendationLog:
    """protocols.RecommendationLog. retention_s: how long an entry is found after its time. clock: epoch seconds."""

    def __init__(
        self,
        link: RedisLink,
        keys: RedisKeys,
        retention_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._link = link
        self._keys = keys
        self._retention_s = retention_s
        self._clock = clock

    def append(self, entries: Sequence[LoggedRecommendation]) -> None:
        """Stores entries; lists come first, so that an erasure finds whatever is there."""
        lists: dict[int, list[Command]] = {}
        contents: dict[int, list[Command]] = {}
        for entry in entries:
            for owner in _owners(entry):
                lists.setdefault(self._keys.partition_of(owner), []).extend(self._listing(owner, entry))
            key = self._keys.recommendation(entry.recommendation_id)
            content: Command = ("SET", key, pack_recommendation(entry), "EX", self._left_s(entry))
            contents.setdefault(self._keys.partition_of(entry.recommendation_id), []).append(content)
        if self._keys.partitions == 1 and entries:
            write(self._link, 0, lists.get(0, []) + contents[0])
            return
        for commands in (lists, contents):
            for partition, group in commands.items():
                write(self._link, partition, group)

    def get(self, recommendation_id: str) -> LoggedRecommendation | None:
        """Returns an entry, or None when it is unknown or expired."""
        key = self._keys.recommendation(recommendation_id)
        content = write(self._link, self._keys.partition_of(recommendation_id), [("GET", key)])[0]
        if content is None:
            return None
        entry = unpack_recommendation(content)
        return entry if entry.time_us > (self._clock() - self._retention_s) * _US else None

    def delete_owners(self, owners: Sequence[str]) -> int:
        """Removes what was shown to users and sessions, by storage key; returns how many entries."""
        removed = 0
        for owner in owners:
            partition, shown = self._keys.partition_of(owner), self._keys.shown(owner)
            ids = [name.decode() for name in write(self._link, partition, [("ZRANGE", shown, 0, -1)])[0]]
            for place, group in by_partition(self._keys, ids).items():
                names = [self._keys.recommendation(each) for each in group]
                removed += write(self._link, place, [("UNLINK", *names)])[0]
            write(self._link, partition, [("UNLINK", shown)])
        return removed

    def _listing(self, owner: str, entry: LoggedRecommendation) -> tuple[Command, ...]:
        shown = self._keys.shown(owner)
        oldest_us = int((self._clock() - self._retention_s) * _US)
        return (
            ("ZADD", shown, entry.time_us, entry.recommendation_id),
            ("ZREMRANGEBYSCORE", shown, "-inf", oldest_us),
            ("EXPIRE", shown, math.ceil(self._retention_s)),
        )

    def _left_s(self, entry: LoggedRecommendation) -> int:
        return max(1, math.ceil(entry.time_us / _US + self._retention_s - self._clock()))


def _owners(entry: LoggedRecommendation) -> list[str]:
    user = [USER_PREFIX + entry.user_id] if entry.user_id else []
    session = [SESSION_PREFIX + entry.session_id] if entry.session_id else []
    return user + session
