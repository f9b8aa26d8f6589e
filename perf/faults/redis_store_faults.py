"""T29, T31, T32, T43: what only the process that asks can see: its breaker, whose record each reply is, its cluster's nodes.

The store alone, in this process, on real servers.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perf.faults.__main__ import run_alone
from perf.faults.redis_users import USERS, fill
from perf.faults.report import Report
from server.circuit_breaker import BreakerValues
from server.errors import StoreUnavailable
from server.features.identity import item_key
from server.stores.redis_connection import RedisAddress, RedisTimes
from server.stores.redis_link import SingleServer
from server.stores.redis_node import PoolValues
from server.stores.redis_store import RedisStore
from server.stores.redis_url import open_redis
from tests.support.redis_server import RedisClusterServers, RedisServer, free_ports
from tests.support.toxic_proxy import ToxicProxy

NODE_TIMEOUT_MS = 2_000
GRAY_READERS, GRAY_PAUSE_S = 8, 0.008
"""A thousand reads a second, less what each takes: as many as a worker makes that answers as fast as it can."""


def run(report: Report) -> None:
    """Measures everything."""
    with tempfile.TemporaryDirectory() as name:
        flapping(report, Path(name) / "flapping")
        gray(report, Path(name) / "gray")
        desynchronised(report, Path(name) / "desynchronised")
        failover(report, Path(name) / "cluster")


def flapping(report: Report, directory: Path) -> None:
    """T29: how often the breaker opens while the server stalls for 50 ms every 200 ms."""
    redis = RedisServer(directory, free_ports(1)[0]).start()
    store = open_redis(redis.url)
    stop = threading.Event()
    seconds = 3.0 if report.quick else 15.0
    threads = [threading.Thread(target=read_steadily, args=(store, stop), daemon=True) for _ in range(8)]
    try:
        fill(redis.url)
        for thread in threads:
            thread.start()
        start_s = time.monotonic()
        with redis.client() as client:
            while time.monotonic() < start_s + seconds:
                client.execute_command("DEBUG SLEEP 0.05")
                time.sleep(0.15)
        (node,) = store.link.nodes()
        report.at_most(
            "T29", "stalls of 50 ms: the breaker opens", node.breaker.opened_total / seconds, 1.1, "/s"
        )
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        store.close()
        redis.kill()


@contextmanager
def filled_behind_proxy(directory: Path) -> Iterator[ToxicProxy]:
    """Runs a server that holds the users, and a proxy before it."""
    redis = RedisServer(directory, free_ports(1)[0]).start()
    try:
        fill(redis.url)
        with ToxicProxy(("127.0.0.1", redis.port)) as proxy:
            yield proxy
    finally:
        redis.kill()


def gray(report: Report, directory: Path) -> None:
    """T43: one answer in ten is lost with its connection, at a high rate of reads."""
    seconds = 3.0 if report.quick else 15.0
    with filled_behind_proxy(directory) as proxy:
        store = open_redis(f"redis://127.0.0.1:{proxy.port}/0")
        proxy.set(reset_share=0.1)
        reads = [Reads() for _ in range(GRAY_READERS)]
        ends_s = time.monotonic() + seconds
        threads = [threading.Thread(target=each.run, args=(store, ends_s), daemon=True) for each in reads]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store.close()
    asked = sum(each.answered + each.failed for each in reads)
    rate, new = asked / seconds, proxy.connections_total / seconds
    failed = sum(each.failed for each in reads) / asked * 100
    print(f"      {rate:.0f} reads and {new:.0f} new connections a second")
    name = f"Redis loses one answer in ten, {rate:.0f} reads a second"
    report.at_most("T43", f"{name}: reads without the record", failed, 15, "%")


class Reads:
    """One reader at a steady pace, and what came of its reads."""

    answered = failed = 0

    def run(self, store: RedisStore, ends_s: float) -> None:
        """Reads until time.monotonic() = ends_s."""
        while time.monotonic() < ends_s:
            try:
                store.users.read(f"u:{USERS[self.answered % len(USERS)]}")
                self.answered += 1
            except StoreUnavailable:
                self.failed += 1
            time.sleep(GRAY_PAUSE_S)


def read_steadily(store: RedisStore, stop: threading.Event) -> None:
    """Reads users, a hundred a second."""
    number = 0
    while not stop.wait(0.01):
        number += 1
        try:
            store.users.read(f"u:{USERS[number % len(USERS)]}")
        except StoreUnavailable:
            continue


def desynchronised(report: Report, directory: Path) -> None:
    """T31: reads that are cut off in the middle; each record says whose it is."""
    wanted = 2_000 if report.quick else 50_000
    with filled_behind_proxy(directory) as proxy:
        link = SingleServer(
            RedisAddress("127.0.0.1", proxy.port),
            RedisTimes(),
            PoolValues(24, reconnects_per_s=100_000),
            BreakerValues(failures_max=10**9),
        )
        store = RedisStore(link)
        # One reply in ten comes after the 8 ms; spread over many connections, which are made one after the other.
        proxy.set(latency_s=0.002, jitter_s=0.006)
        tally = Tally(store, wanted)
        tally.run(threads=6)
        store.close()
    total = tally.answered + tally.cut_off
    print(f"      {tally.answered} of {total} reads answered, {tally.cut_off} cut off")
    report.at_most("T31", f"answers of another user, of {tally.answered:,}", tally.wrong, 0, "")


class Tally:
    """Reads from several threads until so many were answered; counts what came of them."""

    def __init__(self, store: RedisStore, wanted: int) -> None:
        self.answered = self.cut_off = self.wrong = 0
        self._store = store
        self._wanted = wanted
        self._lock = threading.Lock()

    def run(self, threads: int) -> None:
        """Reads."""
        workers = [threading.Thread(target=self._read, args=(n,), daemon=True) for n in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _read(self, number: int) -> None:
        while self.answered < self._wanted:
            number += 7
            user = USERS[number % len(USERS)]
            try:
                record = self._store.users.read(f"u:{user}")
            except StoreUnavailable:
                with self._lock:
                    self.cut_off += 1
                continue
            own = record is not None and record.events["item_key"].tolist() == [item_key(user)]
            with self._lock:
                self.answered += 1
                self.wrong += not own


def failover(report: Report, directory: Path) -> None:
    """T32: a cluster's master is killed, and another is stopped."""
    cluster = RedisClusterServers(directory, node_timeout_ms=NODE_TIMEOUT_MS)
    try:
        cluster.start()
        fill(cluster.url)
        for name in ("killed", "stopped"):
            lose_a_master(report, cluster, name)
            cluster.wait_until_whole(cluster.servers)
            cluster.wait_until_replicated(cluster.servers)
    finally:
        cluster.kill()


def lose_a_master(report: Report, cluster: RedisClusterServers, name: str) -> None:
    """Takes one master away, by kill or stop, and waits until a replica has taken over."""
    store = open_redis(cluster.url)
    victim = cluster.masters()[0]
    others = [server for server in cluster.servers if server is not victim]
    masters = len([server for server in others if server.is_master()])
    lost_s = time.monotonic()
    victim.kill() if name == "killed" else victim.pause()
    worst, promoted_s, whole_s = 0.0, float("inf"), float("inf")
    try:
        while time.monotonic() < lost_s + 15.0 and whole_s == float("inf"):
            missing = sum(not readable(store, user) for user in USERS) / len(USERS)
            worst = max(worst, missing)
            if promoted_s == float("inf") and sum(server.is_master() for server in others) > masters:
                promoted_s = time.monotonic() - lost_s
            # A read or two may be late on a busy machine; a master's share of the users is far more.
            if missing <= 0.02 < worst:
                whole_s = time.monotonic() - lost_s
            time.sleep(0.02)
        looks = store.link.looks  # type: ignore[attr-defined]
        rate = looks / (time.monotonic() - lost_s)
    finally:
        store.close()
        victim.start() if name == "killed" else victim.resume()
    print(f"      master {name}: Redis itself promoted a replica after {promoted_s:.2f} s")
    limit_s = NODE_TIMEOUT_MS / 1e3 + 2
    report.at_most("T32", f"master {name}: users without a record", worst * 100, 45, "%")
    report.at_most("T32", f"master {name}: until their records are read again", whole_s, limit_s, "s")
    report.at_most("T32", f"master {name}: of which after the promotion", whole_s - promoted_s, 1, "s")
    report.at_most("T32", f"master {name}: questions for the cluster's nodes", rate, 2, "/s")


def readable(store: RedisStore, user: str) -> bool:
    """Returns whether the user's record is read."""
    try:
        return store.users.read(f"u:{user}") is not None
    except StoreUnavailable:
        return False


if __name__ == "__main__":
    run_alone(run)
