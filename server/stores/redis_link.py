"""From a partition to the server that holds it: one server, or a cluster's masters."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import hiredis

from server.circuit_breaker import BreakerValues
from server.stores.redis_connection import Command, RedisAddress, RedisTimes, Reply, pack
from server.stores.redis_errors import ProblemLog, SlotMoved, as_unavailable
from server.stores.redis_node import BREAKER, PoolValues, RedisNode

ReplyT = TypeVar("ReplyT")


class RedisLink(Protocol):
    """Asks the server of a partition."""

    partitions: int
    times: RedisTimes

    def ask(self, partition: int, commands: Sequence[Command], ends_s: float) -> list[Reply]:
        """Returns the replies, by time.monotonic() = ends_s, in one round trip and one try.

        Error replies are returned, not raised. Raises StoreUnavailable when the server does not answer.
        """
        ...

    def refresh(self) -> bool:
        """Finds out anew where partitions are; False where it was done a moment ago, or is of no use."""
        ...

    def nodes(self) -> Sequence[RedisNode]:
        """Returns the servers, for figures and checks."""
        ...

    def close(self) -> None:
        """Closes all connections. No other call may follow or be under way."""
        ...


class SingleServer:
    """RedisLink of one server, which holds the only partition."""

    partitions = 1

    def __init__(
        self, address: RedisAddress, times: RedisTimes, pool: PoolValues, breaker: BreakerValues = BREAKER
    ) -> None:
        self.times = times
        self._node = RedisNode(address, times, pool, ProblemLog(), breaker)

    def ask(self, partition: int, commands: Sequence[Command], ends_s: float) -> list[Reply]:
        """Returns the server's replies; see RedisLink."""
        return self._node.ask(pack(commands), len(commands), ends_s)

    def refresh(self) -> bool:
        """Returns False: there is one place only."""
        return False

    def nodes(self) -> Sequence[RedisNode]:
        """Returns the server."""
        return (self._node,)

    def close(self) -> None:
        """Closes all connections."""
        self._node.close()


def read(
    link: RedisLink, partition: int, commands: Sequence[Command], ends_s: float | None = None
) -> list[Reply]:
    """Returns the replies within the time of a request's read. Raises StoreUnavailable, for an error reply too."""
    return checked(link.ask(partition, commands, ends_s or time.monotonic() + link.times.read_s))


def write(link: RedisLink, partition: int, commands: Sequence[Command]) -> list[Reply]:
    """Returns the replies within the time of a write. Raises StoreUnavailable, for an error reply too."""

    def ask() -> list[Reply]:
        return checked(link.ask(partition, commands, time.monotonic() + link.times.write_s))

    return settled(link, ask)


def settled(link: RedisLink, call: Callable[[], ReplyT]) -> ReplyT:
    """Returns what the call returns; tries it once more where keys have moved to another node meanwhile."""
    try:
        return call()
    except SlotMoved:
        if not link.refresh():
            raise
        return call()


def checked(replies: list[Reply]) -> list[Reply]:
    """Returns the replies; raises StoreUnavailable for the first error among them."""
    for reply in replies:
        if isinstance(reply, hiredis.ReplyError):
            raise as_unavailable(reply)
    return replies
