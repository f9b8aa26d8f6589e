"""The store on Redis keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from server.stores.redis_connection import RedisTimes
from server.stores.redis_node import PoolValues
from server.stores.redis_store import RedisStore, RedisValues
from server.stores.redis_url import open_redis
from server.stores.store import Store, StoreLimits
from tests.support.durable_store_contract import DurableStoreContract
from tests.support.redis_server import RedisClusterServers, RedisServer
from tests.support.store_contract import Clock

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


class TestRedisStore(DurableStoreContract):
    sweeps_recommendations = False

    @pytest.fixture
    def make_store(self, redis_server: RedisServer) -> Iterator[MakeStore]:
        with redis_server.client() as client:
            client.flushall()
        yield from stores_at(redis_server.url)


class TestRedisClusterStore(DurableStoreContract):
    sweeps_recommendations = False

    @pytest.fixture
    def make_store(self, redis_cluster: RedisClusterServers) -> Iterator[MakeStore]:
        for master in redis_cluster.masters():
            with master.client() as client:
                client.flushall()
        yield from stores_at(redis_cluster.url)
