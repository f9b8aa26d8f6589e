"""The recommendation log in LMDB: an environment of its own, so that it never fills the one that events need."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from server.features.identity import SESSION_PREFIX, USER_PREFIX
from server.stores.entry_codec import (
    digest,
    number_key,
    pack_recommendation,
    text_key,
    unpack_recommendation,
)
from server.stores.lmdb_environment import LmdbEnvironment, LmdbWriter
from server.stores.protocols import LoggedRecommendation

ENTRIES, TIMES, OWNERS = "entries", "times", "owners"
RECOMMENDATION_DATABASES = (ENTRIES, TIMES, OWNERS)
_US = 1_000_000
_TIME_BYTES = 8


class EmbeddedRecommendationLog:
    """protocols.RecommendationLog. retention_s: how long an entry is found after its time. clock: epoch seconds."""

    def __init__(
        self, environment: LmdbEnvironment, retention_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._environment = environment
        self._retention_us = int(retention_s * _US)
        self._clock = clock

    def append(self, entries: Sequence[LoggedRecommendation]) -> None:
        """Stores entries; they may be lost when the machine, not when the process crashes."""

        def change(writer: LmdbWriter) -> None:
            keys = [text_key(entry.recommendation_id) for entry in entries]
            writer.put_all(ENTRIES, list(zip(keys, map(pack_recommendation, entries), strict=True)))
            times = [
                (number_key(max(entry.time_us, 0)) + key, b"")
                for key, entry in zip(keys, entries, strict=True)
            ]
            writer.put_all(TIMES, times)
            owners = [
                (digest(owner) + key, b"")
                for key, entry in zip(keys, entries, strict=True)
                for owner in _owners(entry)
            ]
            writer.put_all(OWNERS, owners)

        if entries:
            self._environment.write(change)

    def get(self, recommendation_id: str) -> LoggedRecommendation | None:
        """Returns an entry, or None when it is unknown or expired."""
        with self._environment.read() as reader:
            content = reader.get(ENTRIES, text_key(recommendation_id))
        if content is None:
            return None
        entry = unpack_recommendation(content)
        return entry if entry.time_us > self._oldest_us() else None

    def delete_owners(self, owners: Sequence[str]) -> int:
        """Removes what was shown to users and sessions, by storage key; returns how many entries."""

        def change(writer: LmdbWriter) -> int:
            prefixes = [digest(owner) for owner in owners]
            keys = {key[len(p) :] for p in prefixes for key, _ in writer.scan_prefix(OWNERS, p)}
            return sum(_remove(writer, key) for key in keys)

        return self._environment.write(change, frees=True)

    def sweep(self, limit: int) -> int:
        """Removes up to ``limit`` expired entries; returns how many."""
        oldest = number_key(max(self._oldest_us(), 0))

        def change(writer: LmdbWriter) -> int:
            expired: list[bytes] = []
            for key, _ in writer.scan(TIMES):
                if key[:_TIME_BYTES] > oldest or len(expired) == limit:
                    break
                expired.append(key)
            for key in expired:
                writer.delete(TIMES, key)
                _remove(writer, key[_TIME_BYTES:])
            return len(expired)

        return self._environment.write(change, frees=True)

    def _oldest_us(self) -> int:
        return int(self._clock() * _US) - self._retention_us


def _owners(entry: LoggedRecommendation) -> list[str]:
    user = [USER_PREFIX + entry.user_id] if entry.user_id else []
    session = [SESSION_PREFIX + entry.session_id] if entry.session_id else []
    return user + session


def _remove(writer: LmdbWriter, key: bytes) -> bool:
    content = writer.get(ENTRIES, key)
    if content is None:
        return False
    entry = unpack_recommendation(content)
    writer.delete(ENTRIES, key)
    writer.delete(TIMES, number_key(max(entry.time_us, 0)) + key)
    for owner in _owners(entry):
        writer.delete(OWNERS, digest(owner) + key)
    return True
