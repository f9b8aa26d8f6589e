"""A cluster loses a master: T32 of the fault tests, in short; and how keys are spread over its nodes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.crc import key_slot

from server.errors import StoreUnavailable
from server.stores.redis_cluster import CLUSTER_PARTITIONS, RedisCluster
from server.stores.redis_connection import RedisTimes
from server.stores.redis_keys import SLOTS, RedisKeys
from server.stores.redis_node import PoolValues
from server.stores.redis_store import RedisStore, RedisValues
from server.stores.redis_url import open_redis
from tests.support.redis_server import RedisClusterServers, RedisServer
from tests.support.store_contract import event, history_items, keys

TIMES = RedisTimes(read_s=0.5, write_s=2.0, connect_s=1.0, handshake_s=1.0)
USERS = [f"user-{number}" for number in range(60)]
SOON_S = 30.0


@pytest.fixture
def mortal_cluster(tmp_path: Path) -> Iterator[RedisClusterServers]:
    """A cluster of the test's own, which the test breaks."""
    cluster = RedisClusterServers(tmp_path / "cluster", node_timeout_ms=1_000)
    try:
        yield cluster.start()
    finally:
        cluster.kill()


@pytest.fixture
def store(mortal_cluster: RedisClusterServers) -> Iterator[RedisStore]:
    made = open_redis(mortal_cluster.url, values=RedisValues(times=TIMES, pool=PoolValues(2)))
    yield made
    made.close()


def readable(store: RedisStore) -> set[str]:
    found = set()
    for user in USERS:
        try:
            if keys(user)[0] in history_items(store, f"u:{user}"):
                found.add(user)
        except StoreUnavailable:
            continue
    return found


def replicate(masters: list[RedisServer]) -> None:
    """Waits until a replica of each master has what was written."""
    for master in masters:
        with master.client() as client:
            client.wait(1, 5_000)


def test_a_lost_master_costs_its_share_of_the_users_until_its_replica_takes_over(
    mortal_cluster: RedisClusterServers, store: RedisStore
) -> None:
    events = [event(f"e-{user}", user, user=user) for user in USERS]
    assert store.events.append(events).stored == len(USERS)
    replicate(mortal_cluster.masters())
    assert readable(store) == set(USERS)
    mortal_cluster.masters()[0].kill()
    left = readable(store)
    # The other two masters go on, whatever happens to the third.
    assert len(USERS) / 3 < len(left) < len(USERS)
    with pytest.raises(StoreUnavailable):
        store.events.append([event(f"f-{user}", "again", user=user) for user in USERS])
    ends_s = time.monotonic() + SOON_S
    while readable(store) != set(USERS) and time.monotonic() < ends_s:
        time.sleep(0.05)
    assert readable(store) == set(USERS)
    # The same batch again stores what the first try did not, and nothing twice.
    retried = [event(f"f-{user}", "again", user=user) for user in USERS]
    store.events.append(retried)
    assert store.events.append(retried).duplicates == len(USERS)
    assert all(history_items(store, f"u:{user}").count(keys("again")[0]) == 1 for user in USERS)
    assert isinstance(store.link, RedisCluster)
    assert len(store.link.nodes()) == 3


def test_partitions_are_spread_over_the_slots_evenly() -> None:
    named = RedisKeys("shop", CLUSTER_PARTITIONS)
    slots = [key_slot(named.queue(partition)) for partition in range(CLUSTER_PARTITIONS)]
    assert [slot * CLUSTER_PARTITIONS // SLOTS for slot in slots] == list(range(CLUSTER_PARTITIONS))


@pytest.mark.parametrize("user", ["ann", "{x}", "}{", "a b\n", "ü" * 100])
def test_all_keys_of_a_user_share_a_slot_whatever_the_id_holds(user: str) -> None:
    named = RedisKeys("shop", CLUSTER_PARTITIONS)
    partition = named.partition_of(f"u:{user}")
    names = [
        named.user(f"u:{user}"),
        named.sessions(f"u:{user}"),
        named.shown(f"u:{user}"),
        named.erased(partition),
        named.event_ids(partition),
        named.queue(partition),
    ]
    assert len({key_slot(name) for name in names}) == 1
    assert len(set(names)) == len(names)
