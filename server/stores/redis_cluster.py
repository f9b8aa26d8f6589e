"""A Redis Cluster: which master holds which partition, followed by a thread of its own at a bounded pace.

Requests never look for a master. They ask the one that is known, and when it does not answer or says that keys have
moved, they wake the thread and fail; so a failover costs the cluster two questions a second from each process, however
many requests there are. Only while a slot moves they go on to the node that the master names, in the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import hiredis

from server.errors import StoreUnavailable
from server.stores.redis_connection import (
    Command,
    RedisAddress,
    RedisConnection,
    RedisTimes,
    Reply,
    pack,
)
from server.stores.redis_errors import ProblemLog, SlotMoved, as_unavailable
from server.stores.redis_keys import slot_of, spread_tags
from server.stores.redis_moving_slot import Place, ask_place, follow
from server.stores.redis_node import PoolValues, RedisNode

CLUSTER_PARTITIONS = 64
"""Part of every key's name: another number would not find what is stored."""

_LOOK_INTERVAL_S = 0.5
_STOP_S = 2.0
_SLOTS = pack([("CLUSTER", "SLOTS")])
_GUEST_S = 60.0
"""How long a node that keys move to, and that is no master yet, stays connected after it was last named."""


class RedisCluster:
    """RedisLink of a cluster. Constructing it does not fail when no seed answers; the thread goes on looking."""

    partitions = CLUSTER_PARTITIONS

    def __init__(self, seeds: Sequence[RedisAddress], times: RedisTimes, pool: PoolValues) -> None:
        self.times = times
        self.looks = 0
        self._seeds = tuple(seeds)
        self._pool = pool
        self._problems = ProblemLog()
        self._slots = [slot_of(tag) for tag in spread_tags(self.partitions)]
        self._nodes: dict[Place, RedisNode] = {}
        self._masters: list[RedisNode | None] = [None] * self.partitions
        self._named_at_s: dict[Place, float] = {}
        self._changed = threading.Condition()
        self._wanted = False
        self._stopped = False
        self._look()
        self._thread = threading.Thread(target=self._follow, name="redis-cluster", daemon=True)
        self._thread.start()

    def ask(self, partition: int, commands: Sequence[Command], ends_s: float) -> list[Reply]:
        """Returns the replies of the partition's master; see RedisLink."""
        master = self._masters[partition]
        if master is None:
            self._want()
            raise StoreUnavailable("no node of the Redis cluster is known for a key", retry_after_ms=500)
        try:
            replies = master.ask(pack(commands), len(commands), ends_s)
        except StoreUnavailable:
            self._want()
            raise
        for at, reply in enumerate(replies):
            if isinstance(reply, hiredis.ReplyError) and isinstance(as_unavailable(reply), SlotMoved):
                replies[at] = self._follow_slot(master, commands[at], reply, ends_s)
        return replies

    def refresh(self) -> bool:
        """Waits until the thread has looked once more; returns whether it has."""
        with self._changed:
            before = self.looks
            self._wanted = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self.looks > before, 2 * _LOOK_INTERVAL_S)

    def nodes(self) -> Sequence[RedisNode]:
        """Returns the masters, and nodes that keys move to."""
        return tuple(self._nodes.values())

    def close(self) -> None:
        """Closes all connections."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(_STOP_S)
        for node in self._nodes.values():
            node.close()

    def _follow_slot(self, master: RedisNode, command: Command, reply: Reply, ends_s: float) -> Reply:
        """Returns the reply to a command whose slot moves or has moved; still an error where it cannot be had."""

        def node_named(asked: hiredis.ReplyError) -> RedisNode | None:
            place = ask_place(asked, master.address.host)
            self._named_at_s[place] = time.monotonic()
            return self._nodes.get(place)

        found = follow(master, node_named, command, reply, ends_s)
        if isinstance(found, hiredis.ReplyError):
            self._want()
        return found

    def _want(self) -> None:
        if not self._wanted:
            with self._changed:
                self._wanted = True
                self._changed.notify_all()

    def _follow(self) -> None:
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._stopped, _LOOK_INTERVAL_S):
                    return
                self._changed.wait_for(lambda: self._stopped or self._wanted)
                if self._stopped:
                    return
                self._wanted = False
            self._look()
            with self._changed:
                self.looks += 1
                self._changed.notify_all()

    def _look(self) -> None:
        """Asks the nodes in turn until one answers, and follows what it says."""
        # Those that answer first: each that does not costs its time-out.
        nodes = sorted(self._nodes.values(), key=lambda node: node.breaker.state)
        known = [node.address for node in nodes]
        for address in dict.fromkeys((*known, *self._seeds)):
            try:
                slots = self._slots_as_seen_by(address)
            except OSError as error:
                self._problems.tell(address, f"cannot be asked for the cluster's nodes: {error}")
                continue
            if slots:
                self._adopt(address, slots)
                return

    def _slots_as_seen_by(self, address: RedisAddress) -> list[list[Reply]]:
        """Returns the answer of CLUSTER SLOTS, empty where there is none. Raises OSError."""
        connection = RedisConnection(address, replace(self.times, handshake_s=self.times.write_s))
        try:
            found = connection.exchange(_SLOTS, 1, time.monotonic() + self.times.write_s)[0]
        except hiredis.ProtocolError as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()
        if isinstance(found, hiredis.ReplyError):
            self._problems.tell(address, as_unavailable(found).message)
            return []
        return list(found)

    def _adopt(self, told_by: RedisAddress, slots: list[list[Reply]]) -> None:
        places = _masters_by_slot(told_by, slots, self._slots)
        nodes = dict(self._nodes)
        used = {*places.values(), *self._guests()}
        for place in used:
            if place not in nodes:
                address = replace(told_by, host=place[0], port=place[1])
                nodes[place] = RedisNode(address, self.times, self._pool, self._problems)
        gone = [nodes.pop(place) for place in list(nodes) if place not in used]
        self._nodes = nodes
        self._masters = [nodes[places[slot]] if slot in places else None for slot in self._slots]
        for node in gone:
            node.close()

    def _guests(self) -> list[Place]:
        """Returns the nodes that were named as the new place of keys lately."""
        after_s = time.monotonic() - _GUEST_S
        named = dict(self._named_at_s)
        for place in [place for place, at_s in named.items() if at_s < after_s]:
            del self._named_at_s[place]
        return [place for place, at_s in named.items() if at_s >= after_s]


def _masters_by_slot(
    told_by: RedisAddress, slots: list[list[Reply]], wanted: Sequence[int]
) -> Mapping[int, Place]:
    """Returns the master of each wanted slot that has one. A node without an address is the one that tells of it."""
    places: dict[int, Place] = {}
    for start, end, master, *_ in slots:
        host = master[0].decode() if master[0] else told_by.host
        for slot in wanted:
            if start <= slot <= end:
                places[slot] = (host, int(master[1]))
    return places
