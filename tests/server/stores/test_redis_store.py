"""The store on Redis keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from server.stores import redis_events
from server.stores.redis_connection import RedisTimes
from server.stores.redis_node import PoolValues
from server.stores.redis_store import RedisStore, RedisValues
from server.stores.redis_url import open_redis
from server.stores.store import Store, StoreLimits
from tests.support.durable_store_contract import DurableStoreContract
from tests.support.redis_server import RedisClusterServers, RedisServer
from tests.support.store_contract import Clock, event, history_items, keys

# What a test asserts must not depend on how busy the machine is.
PATIENT = RedisValues(
    times=RedisTimes(read_s=5.0, write_s=5.0, connect_s=5.0, handshake_s=5.0), pool=PoolValues(4)
)
MakeStore = Callable[[StoreLimits, Clock], Store]


def stores_at(url: str) -> Iterator[MakeStore]:
    """Yields what opens empty stores at a URL; closes them in the end."""
    opened: list[RedisStore] = []

    def make(limits: StoreLimits, clock: Clock) -> Store:
        opened.append(open_redis(url, limits, PATIENT, clock=clock))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


class RedisContract(DurableStoreContract):
    """What a store has to keep whose writers overtake each other."""

    def test_a_session_is_linked_though_its_events_come_faster(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.events.append([event("first", "first", user="", session="s1")])
        read, overtaking, left = redis_events.read_held, False, list(range(12))

        def overtaken_read(*arguments: Any) -> Any:
            nonlocal overtaking
            held = read(*arguments)
            if left and not overtaking:
                overtaking, step = True, left.pop()
                store.events.append([event(f"e{step}", f"i{step}", user="", session="s1")])
                overtaking = False
            return held

        monkeypatch.setattr(redis_events, "read_held", overtaken_read)
        store.events.link_session("s1", "ann", 1)
        record = store.users.read("u:ann")
        assert not left
        assert record is not None
        assert record.total_events == 13
        assert set(history_items(store, "s:s1")) == set(keys("first", *(f"i{n}" for n in range(12))))


class TestRedisStore(RedisContract):
    sweeps_recommendations = False

    @pytest.fixture
    def make_store(self, redis_server: RedisServer) -> Iterator[MakeStore]:
        with redis_server.client() as client:
            client.flushall()
        yield from stores_at(redis_server.url)


class TestRedisClusterStore(RedisContract):
    sweeps_recommendations = False

    @pytest.fixture
    def make_store(self, redis_cluster: RedisClusterServers) -> Iterator[MakeStore]:
        for master in redis_cluster.masters():
            with master.client() as client:
                client.flushall()
        yield from stores_at(redis_cluster.url)
