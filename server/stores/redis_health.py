"""What the servers of a store on Redis say of themselves, for the doctor."""

from __future__ import annotations

import time
from dataclasses import dataclass

import hiredis

from server.errors import StoreUnavailable
from server.stores.redis_connection import pack
from server.stores.redis_errors import as_unavailable
from server.stores.redis_link import RedisLink
from server.stores.redis_node import RedisNode

VERSION_MIN = (7, 0)
"""Scripts with flags came with 7.0: without them a full server could not even erase."""

_INFO = pack([("INFO",)])


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """One server. used, limit: bytes; limit 0 = none. saves: whether it writes what it holds to disk."""

    address: str
    version: str
    used: int
    limit: int
    evicts: bool
    saves: bool

    @property
    def is_old(self) -> bool:
        """Returns whether the server is older than what the scripts need."""
        return tuple(int(part) for part in self.version.split(".")[:2]) < VERSION_MIN


def health_of(link: RedisLink) -> list[RedisHealth]:
    """Returns every server's health. Raises StoreUnavailable when one does not answer."""
    nodes = link.nodes()
    if not nodes:
        raise StoreUnavailable("no node of the Redis cluster answers")
    return [_health_of(node, time.monotonic() + link.times.write_s) for node in nodes]


def _health_of(node: RedisNode, ends_s: float) -> RedisHealth:
    reply = node.ask(_INFO, 1, ends_s)[0]
    if isinstance(reply, hiredis.ReplyError):
        raise as_unavailable(reply)
    pairs = (line.partition(":") for line in reply.decode(errors="replace").splitlines())
    info = {name: value for name, _, value in pairs}
    return RedisHealth(
        address=str(node.address),
        version=info.get("redis_version", "0.0"),
        used=int(info.get("used_memory", 0)),
        limit=int(info.get("maxmemory", 0)),
        evicts=info.get("maxmemory_policy", "noeviction") != "noeviction",
        saves=info.get("aof_enabled") == "1",
    )
