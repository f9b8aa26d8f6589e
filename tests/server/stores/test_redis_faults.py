"""What the store on Redis does when the server or the network fails: T27 to T31 of the fault tests, in short."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from server.circuit_breaker import BreakerState, BreakerValues
from server.errors import StoreUnavailable
from server.features.identity import item_key
from server.stores.redis_connection import RedisAddress, RedisTimes
from server.stores.redis_link import SingleServer
from server.stores.redis_node import PoolValues
from server.stores.redis_store import RedisStore
from tests.support.redis_server import RedisServer, free_ports
from tests.support.store_contract import ListLog, event, history_items, keys
from tests.support.toxic_proxy import ToxicProxy

QUICK = RedisTimes(read_s=0.05, write_s=1.0, connect_s=1.0, handshake_s=0.5)
EAGER = PoolValues(
    connections=4, reconnects_per_s=1_000, retry_s=0.01, retry_max_s=0.05, revive_interval_s=0.01
)
SOON_S = 20.0
READING_S = 5.0


def opened(port: int, times: RedisTimes = QUICK, pool: PoolValues = EAGER) -> RedisStore:
    return RedisStore(SingleServer(RedisAddress("127.0.0.1", port), times, pool))


def eventually(done: Callable[[], bool]) -> None:
    """Waits until something holds; a store that does not answer counts as not yet."""
    ends_s = time.monotonic() + SOON_S
    while time.monotonic() < ends_s:
        try:
            if done():
                return
        except StoreUnavailable:
            pass
        time.sleep(0.01)
    raise AssertionError("it never came to that")


def reason_of(call: Callable[[], object]) -> str:
    with pytest.raises(StoreUnavailable) as refusal:
        call()
    assert refusal.value.retry_after_ms > 0
    return refusal.value.reason


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own, which the test may stop."""
    made = RedisServer(tmp_path / "redis", free_ports(1)[0])
    try:
        yield made.start()
    finally:
        made.kill()


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    made = opened(server.port)
    yield made
    made.close()


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[ToxicProxy]:
    """A proxy to the server that all tests share, emptied."""
    with redis_server.client() as client:
        client.flushall()
    with ToxicProxy(("127.0.0.1", redis_server.port)) as made:
        yield made


def test_a_killed_server_refuses_and_is_used_again_when_it_is_back(
    server: RedisServer, store: RedisStore
) -> None:
    store.overlay.append([("a", True, {}), ("b", True, {})])
    store.events.append([event("e1")])
    server.kill()
    assert reason_of(lambda: store.users.read("u:ann")) == "STORE_UNAVAILABLE"
    assert reason_of(lambda: store.events.append([event("e2")])) == "STORE_UNAVAILABLE"
    server.start()
    eventually(lambda: store.users.read("u:ann") is None)
    assert store.events.append([event("e1")]).stored == 1
    # Emptied, it would begin to count at 1 again, below what every worker has applied.
    assert store.overlay.append([("c", True, {})]) == 3


def test_a_store_opens_while_no_server_answers_and_finds_it_later(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", free_ports(1)[0])
    store = opened(server.port)
    try:
        assert reason_of(lambda: store.users.read("u:ann")) == "STORE_UNAVAILABLE"
        server.start()
        eventually(lambda: store.users.read("u:ann") is None)
    finally:
        store.close()
        server.kill()


def test_a_stopped_server_costs_few_connections_and_is_noticed_when_it_goes_on(server: RedisServer) -> None:
    store = opened(server.port, pool=replace(EAGER, connections=8))
    store.events.append([event("e1")])
    (node,) = store.link.nodes()
    before = node.connections_made
    server.pause()
    try:
        for _ in range(200):
            with pytest.raises(StoreUnavailable):
                store.users.read("u:ann")
        assert node.breaker.opened_total == 1
        # Of 200 reads only those that opened the breaker cost a connection.
        assert node.connections_made - before <= 10
        assert store.worst_breaker() == BreakerState.OPEN
    finally:
        server.resume()
    try:
        eventually(lambda: history_items(store, "u:ann") == keys("a"))
        assert store.worst_breaker() == BreakerState.CLOSED
    finally:
        store.close()


def test_a_reply_that_trickles_in_ends_at_the_deadline_of_the_whole_read(proxy: ToxicProxy) -> None:
    store = opened(proxy.port)
    try:
        store.events.append([event(f"e{n}", f"item-{n}") for n in range(256)])
        assert len(history_items(store, "u:ann")) == 256
        # Every piece comes well within the time, all of them together do not.
        proxy.set(slice_bytes=16, slice_pause_s=0.002)
        assert reason_of(lambda: store.users.read("u:ann")) == "STORE_UNAVAILABLE"
        proxy.set()
        eventually(lambda: len(history_items(store, "u:ann")) == 256)
    finally:
        store.close()


@pytest.mark.parametrize(
    "toxic", [{"blackhole": True}, {"limit_bytes": 10}, {"down": True}], ids=lambda toxic: next(iter(toxic))
)
def test_reads_fail_while_the_network_does_and_come_back_with_it(
    proxy: ToxicProxy, toxic: dict[str, float]
) -> None:
    store = opened(proxy.port)
    try:
        store.events.append([event("e1")])
        proxy.set(**toxic)
        assert reason_of(lambda: store.users.read("u:ann")) == "STORE_UNAVAILABLE"
        proxy.set()
        eventually(lambda: history_items(store, "u:ann") == keys("a"))
    finally:
        store.close()


def test_a_full_server_refuses_events_and_still_reads_erases_and_drains(
    server: RedisServer, store: RedisStore
) -> None:
    store.events.append([event("e1"), event("e2", user="bob")])
    with server.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1mb")
        assert reason_of(lambda: store.events.append([event("e3", "b")])) == "STORE_FULL"
        assert reason_of(lambda: store.users.write_profile("ann", 1, 1, 1)) == "STORE_FULL"
        assert history_items(store, "u:ann") == keys("a")
        assert store.users.delete("ann") is True
        log = ListLog()
        store.drain(log)
        assert list(log.events) == ["e2"]
        client.config_set("maxmemory", "0")
    assert store.events.append([event("e3", "b", user="bob")]).stored == 1


def test_a_replica_refuses_writes_and_is_still_read(server: RedisServer, store: RedisStore) -> None:
    store.events.append([event("e1")])
    with server.client() as client:
        client.replicaof("127.0.0.1", free_ports(1)[0])
        eventually(lambda: reason_of(lambda: store.events.append([event("e2")])) == "STORE_READ_ONLY")
        assert history_items(store, "u:ann") == keys("a")
        client.replicaof("NO", "ONE")
    assert store.events.append([event("e2", "b")]).stored == 1
    (node,) = store.link.nodes()
    assert node.breaker.opened_total == 0


def test_a_lost_password_is_a_store_that_is_away(server: RedisServer, store: RedisStore) -> None:
    store.events.append([event("e1")])
    with server.client() as client:
        client.config_set("requirepass", "secret")
        client.execute_command("CLIENT KILL TYPE NORMAL SKIPME YES")
        eventually(lambda: reason_of(lambda: store.users.read("u:ann")) == "STORE_UNAVAILABLE")
        client.config_set("requirepass", "")
    eventually(lambda: history_items(store, "u:ann") == keys("a"))


def test_a_server_that_is_loading_is_away_until_it_has_loaded(
    server: RedisServer, store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.events.append([event(f"e{n}", user=f"user-{n}") for n in range(300)])
    with server.client() as client:
        client.config_set("key-load-delay", 3_000)
        client.config_set("loading-process-events-interval-bytes", 1_024)
        reload = threading.Thread(target=lambda: client.execute_command("DEBUG RELOAD"), daemon=True)
        reload.start()
        seen: set[str] = set()
        ends_s = time.monotonic() + SOON_S
        while reload.is_alive() and time.monotonic() < ends_s:
            try:
                store.users.read("u:user-7")
            except StoreUnavailable as refused:
                seen.add(refused.reason)
        reload.join(SOON_S)
    assert seen <= {"STORE_LOADING", "STORE_UNAVAILABLE"}
    assert seen
    eventually(lambda: history_items(store, "u:user-7") == keys("a"))


def test_no_answer_is_ever_another_users(proxy: ToxicProxy) -> None:
    """T31: every record holds its user's name; reads are cut off in the middle by their time-out."""
    users = [f"user-{n}" for n in range(64)]
    # Some of the replies come too late; their connections must not be used again.
    times = RedisTimes(read_s=0.02, write_s=5.0, connect_s=1.0, handshake_s=1.0)
    address, never = RedisAddress("127.0.0.1", proxy.port), BreakerValues(failures_max=1_000_000)
    link = SingleServer(address, times, PoolValues(8, reconnects_per_s=100_000), never)
    store = RedisStore(link)
    store.events.append([event(f"e-{user}", user, user=user) for user in users])
    proxy.set(latency_s=0.011, jitter_s=0.011)
    wrong: list[str] = []
    answered, cut_off = [0] * 8, [0] * 8
    ends_s = time.monotonic() + READING_S

    def read(number: int) -> None:
        step = number
        while (sum(answered) < 1_500 or sum(cut_off) < 150) and time.monotonic() < ends_s:
            step += 7
            user = users[step % len(users)]
            try:
                found = store.users.read(f"u:{user}")
            except StoreUnavailable:
                cut_off[number] += 1
                continue
            answered[number] += 1
            if found is None or found.events["item_key"].tolist() != [item_key(user)]:
                wrong.append(user)

    readers = [threading.Thread(target=read, args=(number,), daemon=True) for number in range(8)]
    try:
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(2 * SOON_S)
    finally:
        store.close()
    assert wrong == []
    # How many of each depends on the machine; without both there was nothing to see.
    assert sum(answered) > 50
    assert sum(cut_off) > 10


def test_a_record_under_another_users_key_is_never_returned(
    redis_server: RedisServer, proxy: ToxicProxy
) -> None:
    store = opened(proxy.port)
    try:
        store.events.append([event("e1"), event("e2", "b", user="bob")])
        with redis_server.client() as client:
            client.copy("shortlist:{0}:user:u:bob", "shortlist:{0}:user:u:ann", replace=True)
        assert reason_of(lambda: store.users.read("u:ann")) == "RECORD_DAMAGED"
    finally:
        store.close()


def test_a_server_that_fails_one_answer_in_ten_is_still_asked(proxy: ToxicProxy) -> None:
    patient = replace(QUICK, read_s=2.0, handshake_s=5.0)
    store = opened(proxy.port, patient)
    try:
        eventually(lambda: store.events.append([event("e1")]).stored in (0, 1))
        proxy.set(reset_share=0.1)
        answered = 0
        for _ in range(300):
            time.sleep(0.005)  # Connections are made anew beside the reads, not by them.
            try:
                assert store.users.read("u:ann") is not None
                answered += 1
            except StoreUnavailable:
                continue
        assert 0.8 * 300 < answered < 300, f"{answered} of 300 answered"
    finally:
        proxy.set()
        store.close()


def test_answers_earn_connections_beyond_the_steady_pace(proxy: ToxicProxy) -> None:
    patient = replace(QUICK, read_s=2.0, handshake_s=5.0)
    # Four connections, and by the steady pace four more while the test waits: some eighty answers.
    store = opened(proxy.port, patient, replace(EAGER, reconnects_per_s=0.2))
    answered = 0

    def answers(wanted: int) -> bool:
        nonlocal answered
        store.users.read("u:ann")
        answered += 1
        return answered >= wanted

    try:
        eventually(lambda: answers(50))
        proxy.set(reset_share=0.1)
        eventually(lambda: answers(350))
    finally:
        proxy.set()
        store.close()
