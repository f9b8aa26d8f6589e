"""A slot moves to a new node of a real cluster while its users are read and written: T32's reshard, in short."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import hiredis
import pytest

from server.errors import StoreUnavailable
from server.stores.redis_cluster import CLUSTER_PARTITIONS
from server.stores.redis_connection import RedisTimes
from server.stores.redis_keys import RedisKeys, slot_of
from server.stores.redis_moving_slot import ask_place
from server.stores.redis_node import PoolValues
from server.stores.redis_store import RedisStore, RedisValues
from server.stores.redis_url import open_redis
from tests.support.redis_server import RedisClusterServers, RedisServer, free_ports
from tests.support.store_contract import event, history_items, keys
from tests.support.waiting import wait_until

TIMES = RedisTimes(read_s=2.0, write_s=2.0, connect_s=1.0, handshake_s=2.0)
PARTITION = 5
NAMES = RedisKeys("shortlist", CLUSTER_PARTITIONS)
OPTIONS = ("--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
SLOT = slot_of(NAMES.tags[PARTITION])
USERS = [user for user in map(str, range(2_000)) if NAMES.partition_of(f"u:{user}") == PARTITION][:20]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RedisClusterServers]:
    """A cluster of the test's own, whose slots the test moves."""
    made = RedisClusterServers(tmp_path / "cluster")
    try:
        yield made.start()
    finally:
        made.kill()


@pytest.fixture
def store(cluster: RedisClusterServers) -> Iterator[RedisStore]:
    made = open_redis(cluster.url, values=RedisValues(times=TIMES, pool=PoolValues(2)))
    yield made
    made.close()


class SlotMove:
    """Moves SLOT, step by step, from the master that has it to a node that had none."""

    def __init__(self, cluster: RedisClusterServers, target: RedisServer) -> None:
        self._target = target
        self._masters = cluster.masters()
        self.source = next(server for server in self._masters if self._names(server))

    def begin(self) -> None:
        with self.source.client() as source, self._target.client() as target:
            source_id, target_id = (str(node.cluster("MYID"), "ascii") for node in (source, target))
            wait_until(lambda: source_id in str(target.execute_command("CLUSTER NODES")))
            # Nodes learn of each other by and by, and end() names the target to every master.
            for master in self._masters:
                with master.client() as client:
                    wait_until(
                        lambda client=client: target_id in str(client.execute_command("CLUSTER NODES"))
                    )
            target.execute_command("CLUSTER", "SETSLOT", SLOT, "IMPORTING", source_id)
            source.execute_command("CLUSTER", "SETSLOT", SLOT, "MIGRATING", target_id)

    def names(self) -> list[bytes]:
        return self._names(self.source)

    def move(self, names: list[bytes]) -> None:
        with self.source.client() as source:
            source.execute_command("MIGRATE", "127.0.0.1", self._target.port, "", 0, 5_000, "KEYS", *names)

    def end(self) -> None:
        with self._target.client() as target:
            target_id = target.cluster("MYID")
            target.execute_command("CLUSTER", "SETSLOT", SLOT, "NODE", target_id)
        for server in self._masters:
            with server.client() as client:
                client.execute_command("CLUSTER", "SETSLOT", SLOT, "NODE", target_id)

    @staticmethod
    def _names(server: RedisServer) -> list[bytes]:
        with server.client() as client:
            found: list[bytes] = client.execute_command("CLUSTER", "GETKEYSINSLOT", SLOT, 10_000)
        return sorted(found)


@pytest.fixture
def new_node(cluster: RedisClusterServers, tmp_path: Path) -> Iterator[RedisServer]:
    """A seventh node without slots: CLUSTER SLOTS does not tell of it."""
    server = RedisServer(tmp_path / "new", free_ports(1)[0], *OPTIONS)
    try:
        server.start()
        with server.client() as client:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", cluster.servers[0].port)
        cluster.wait_until_whole([server])
        yield server
    finally:
        server.kill()


def append_until_stored(store: RedisStore, user: str, tries: int = 60) -> None:
    """Appends an event as a client does that is told UNAVAILABLE: the same again."""
    for _ in range(tries):
        try:
            store.events.append([event(f"during-{user}", "during", user=user)])
            return
        except StoreUnavailable:
            continue


def test_a_moving_slot_loses_no_event_and_hides_no_record(
    cluster: RedisClusterServers, store: RedisStore, new_node: RedisServer
) -> None:
    store.events.append([event(f"before-{user}", "before", user=user) for user in USERS])
    slot = SlotMove(cluster, new_node)
    slot.begin()
    records = [name for name in slot.names() if b"}:user:" in name]
    assert len(records) == len(USERS)
    slot.move(records[::2])
    # The first answer may only make the store connect to the node that it had never heard of.
    wait_until(lambda: all_readable(store))
    writers = [
        threading.Thread(target=append_until_stored, args=(store, user), daemon=True) for user in USERS[:4]
    ]
    for writer in writers:
        writer.start()
    assert all_readable(store)
    slot.move(slot.names())
    assert all_readable(store)
    slot.end()
    for writer in writers:
        writer.join(60.0)
    # The first read may only learn that the slot has moved.
    wait_until(lambda: all_readable(store))
    for user in USERS[:4]:
        items = history_items(store, f"u:{user}")
        assert (items.count(keys("during")[0]), items.count(keys("before")[0])) == (1, 1)
    assert (
        store.events.append([event(f"during-{user}", "during", user=user) for user in USERS[:4]]).duplicates
        == 4
    )


def all_readable(store: RedisStore) -> bool:
    try:
        return all(keys("before")[0] in history_items(store, f"u:{user}") for user in USERS)
    except StoreUnavailable:
        return False


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ASK 3999 10.0.0.7:6381", ("10.0.0.7", 6381)),
        ("ASK 3999 :6381", ("teller", 6381)),
        ("ASK 3999 fe80::1:6381", ("fe80::1", 6381)),
    ],
)
def test_the_place_of_a_key_that_left_is_read_from_the_answer(text: str, place: tuple[str, int]) -> None:
    assert ask_place(hiredis.ReplyError(text), "teller") == place
