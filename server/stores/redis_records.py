"""User records as they lie in Redis: the steps that the store's parts share."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from server.errors import StoreUnavailable
from server.features.identity import SESSION_PREFIX, USER_PREFIX
from server.features.record_codec import RecordRefused, new_record, unpack_record
from server.features.user_record import UserRecord
from server.stores.entry_codec import digest
from server.stores.redis_commit import STAMP_BYTES, Commit
from server.stores.redis_keys import RedisKeys
from server.stores.redis_link import RedisLink, write

ATTEMPTS = 16
"""How often a write is tried that others overtake."""

_OVERTAKEN_PAUSE_S = 0.004
_NOT_ERASED = -1


@dataclass(frozen=True, slots=True)
class Held:
    """An owner's record as it was read. stamp: empty where there was none. erased: the field of its last erasure."""

    owner: str
    stamp: bytes
    record: UserRecord | None
    erased: bytes = b""

    @property
    def erased_us(self) -> int:
        """Returns the time of the last erasure, microseconds, -1 when there was none."""
        return int(self.erased.split(b" ")[0]) if self.erased else _NOT_ERASED

    def record_or_new(self) -> UserRecord:
        """Returns the record, or an empty one."""
        return self.record if self.record is not None else new_record(self.owner)

    def check(self, commit: Commit, keys: RedisKeys) -> None:
        """Lets a commit go through only while the record and its erasure are as they were read."""
        commit.check_stamp(keys.user(self.owner), self.stamp)
        erased = keys.erased(keys.partition_of(self.owner))
        commit.check_field(erased, digest(self.owner), self.erased)


def unpack_held(content: bytes | None, owner: str, erased: bytes | None = None) -> Held:
    """Returns a record from what is stored. Raises StoreUnavailable when it is damaged, or another owner's."""
    if content is None:
        return Held(owner, b"", None, erased or b"")
    try:
        record = unpack_record(content[STAMP_BYTES:], owner)
    except RecordRefused as error:
        raise StoreUnavailable(f"a user record is damaged: {error}", reason="RECORD_DAMAGED") from error
    return Held(owner, content[:STAMP_BYTES], record, erased or b"")


def read_held(link: RedisLink, keys: RedisKeys, owners: Iterable[str]) -> dict[str, Held]:
    """Returns the records of owners, with their erasures."""
    held: dict[str, Held] = {}
    for partition, group in by_partition(keys, owners).items():
        contents, erasures = write(
            link,
            partition,
            [
                ("MGET", *(keys.user(owner) for owner in group)),
                ("HMGET", keys.erased(partition), *(digest(owner) for owner in group)),
            ],
        )
        for owner, content, erased in zip(group, contents, erasures, strict=True):
            held[owner] = unpack_held(content, owner, erased)
    return held


def read_links(link: RedisLink, keys: RedisKeys, storage_keys: Iterable[str]) -> dict[str, bytes]:
    """Returns the user id that each session is linked to, by the session's storage key; empty where to none."""
    sessions = [key for key in storage_keys if key.startswith(SESSION_PREFIX)]
    found: dict[str, bytes] = {}
    for partition, group in by_partition(keys, sessions).items():
        reply = write(link, partition, [("MGET", *(keys.link(key) for key in group))])[0]
        found.update(zip(group, (user or b"" for user in reply), strict=True))
    return found


def owner_of(key: str, links: dict[str, bytes]) -> str:
    """Returns the key of the record that a storage key leads to: a linked session's is its user's."""
    user = links.get(key)
    return USER_PREFIX + user.decode() if user else key


def check_links(commit: Commit, keys: RedisKeys, partition: int, links: dict[str, bytes]) -> None:
    """Lets a commit go through only while the partition's sessions are linked as they were read."""
    for key, user in links.items():
        if keys.partition_of(key) == partition:
            commit.check_value(keys.link(key), user)


def attempts() -> Iterator[int]:
    """Yields the numbers of a write's tries, each but the first after a random pause that grows: without it, writers
    that are always a step ahead stay a step ahead. Raises StoreUnavailable after the last."""
    for attempt in range(ATTEMPTS):
        time.sleep(random.random() * attempt * _OVERTAKEN_PAUSE_S)
        yield attempt
    raise StoreUnavailable("others write to the same records", retry_after_ms=50)


def by_partition(
    keys: RedisKeys, owners: Iterable[str], name_of: Callable[[str], str] = str
) -> dict[int, list[str]]:
    """Returns owners, each once, by the partition that they live in."""
    groups: dict[int, list[str]] = {}
    for owner in dict.fromkeys(owners):
        groups.setdefault(keys.partition_of(name_of(owner)), []).append(owner)
    return groups
