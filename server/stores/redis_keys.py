"""How everything is named in Redis.

Storage keys are spread over partitions; all keys of a partition share a hash tag, so they live on one node of a
cluster and change in one transaction. A store on a single server has one partition: there, every write is one.

user:<storage key>       8 random bytes that change with every write, then the user record
link:<session id>        user id; in the session's partition
sessions:<user id>       hash: session id -> the stamp of the session's record that was merged, or nothing
erased                   hash: digest of storage key -> time of erasure in microseconds, end of the queue at that time
event_ids                sorted set: digest of event id, by the second it was received
queue                    stream of entries for the event log
shown:<storage key>      sorted set: recommendation ids by time; expires
recommendation:<id>      what was shown; expires
overlay                  stream of item changes, numbered <sequence>-0; partition 0
overlay_sequence         the last number; partition 0
drain, drain_lock        the batch under way, and who moves it; partition 0
"""

from __future__ import annotations

from binascii import crc_hqx

from server.features.identity import storage_key_hash

SLOTS = 16_384


def slot_of(tag: str) -> int:
    """Returns the cluster's slot of a hash tag: CRC16 (XMODEM) modulo 16384."""
    return crc_hqx(tag.encode(), 0) % SLOTS


def spread_tags(partitions: int) -> tuple[str, ...]:
    """Returns a tag for each partition, the n-th in the n-th equal share of the slots: the nodes get equal shares."""
    tags: list[str | None] = [None] * partitions
    missing, number = partitions, 0
    while missing:
        at = slot_of(str(number)) * partitions // SLOTS
        if tags[at] is None:
            tags[at] = str(number)
            missing -= 1
        number += 1
    return tuple(tag for tag in tags if tag is not None)


class RedisKeys:
    """Names under one prefix, for a number of partitions that never changes over a store's life."""

    def __init__(self, prefix: str, partitions: int) -> None:
        self.partitions = partitions
        self.tags = spread_tags(partitions)
        self._starts = [f"{prefix}:{{{tag}}}:" for tag in self.tags]
        self.overlay = self._named(0, "overlay")
        self.overlay_sequence = self._named(0, "overlay_sequence")
        self.drain = self._named(0, "drain")
        self.drain_lock = self._named(0, "drain_lock")

    def partition_of(self, storage_key: str) -> int:
        """Returns the partition of whatever belongs to a user, a session or a recommendation."""
        return storage_key_hash(storage_key) % self.partitions if self.partitions > 1 else 0

    def user(self, storage_key: str) -> bytes:
        """Returns the key of a record."""
        return self._of(storage_key, "user", storage_key)

    def link(self, session_key: str) -> bytes:
        """Returns the key of a session's link, by the session's storage key."""
        return self._of(session_key, "link", session_key[2:])

    def sessions(self, user_key: str) -> bytes:
        """Returns the key of a user's sessions, by the user's storage key."""
        return self._of(user_key, "sessions", user_key[2:])

    def shown(self, storage_key: str) -> bytes:
        """Returns the key of the list of what was shown to a user or session."""
        return self._of(storage_key, "shown", storage_key)

    def recommendation(self, recommendation_id: str) -> bytes:
        """Returns the key of what was shown once."""
        return self._of(recommendation_id, "recommendation", recommendation_id)

    def erased(self, partition: int) -> bytes:
        """Returns the key of a partition's erasures."""
        return self._named(partition, "erased")

    def event_ids(self, partition: int) -> bytes:
        """Returns the key of a partition's event ids."""
        return self._named(partition, "event_ids")

    def queue(self, partition: int) -> bytes:
        """Returns the key of a partition's queue."""
        return self._named(partition, "queue")

    def _of(self, owner: str, kind: str, name: str) -> bytes:
        return f"{self._starts[self.partition_of(owner)]}{kind}:{name}".encode()

    def _named(self, partition: int, name: str) -> bytes:
        return f"{self._starts[partition]}{name}".encode()
