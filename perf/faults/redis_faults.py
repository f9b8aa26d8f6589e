"""T27 to T32: Redis killed, stopped, slow, refusing, answering late, and a cluster that loses a master.

A real server with one worker on a real Redis behind a toxic proxy, at a fixed rate of calls; what only the process
itself can see (the breaker, one connection's replies) is measured on the store alone, in this process.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perf.faults.__main__ import run_alone
from perf.faults.report import Report
from perf.faults.steady_load import Call, SteadyLoad, p99_ms, share
from server.circuit_breaker import BreakerValues
from server.errors import StoreUnavailable
from server.features.event_types import EventType
from server.features.identity import item_key
from server.features.user_event import UserEvent
from server.stores.redis_connection import RedisAddress, RedisTimes
from server.stores.redis_link import SingleServer
from server.stores.redis_node import PoolValues
from server.stores.redis_store import RedisStore
from server.stores.redis_url import open_redis
from tests.support.redis_server import RedisClusterServers, RedisServer, free_ports
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import build_small_release
from tests.support.toxic_proxy import ToxicProxy

RPS = 100.0
USERS = [f"user-{number}" for number in range(200)]
NODE_TIMEOUT_MS = 2_000
_WARNING = re.compile(r"WARNING|ERROR")


@dataclass(slots=True)
class Stage:
    """A server under load, on a Redis behind a proxy."""

    redis: RedisServer
    proxy: ToxicProxy
    server: ServerProcess
    load: SteadyLoad

    def phase(self, seconds: float) -> tuple[float, float]:
        """Lets time pass; returns the span."""
        start_s = time.monotonic()
        time.sleep(seconds)
        return start_s, time.monotonic()

    def calls(self, span: tuple[float, float]) -> list[Call]:
        """Returns the calls of a span."""
        return self.load.between(*span)


@contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """Starts everything, with records for USERS, and waits until answers are whole."""
    build_small_release(directory / "data" / "releases", items=600, categories=6, version="r1")
    redis = RedisServer(directory / "redis", free_ports(1)[0])
    try:
        redis.start()
        fill(redis.url)
        with ToxicProxy(("127.0.0.1", redis.port)) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}/0"
            with (
                running_server(directory / "data", workers=1, STORE__URL=url) as server,
                SteadyLoad(server.address, RPS, USERS) as load,
            ):
                made = Stage(redis, proxy, server, load)
                made.phase(3.0)
                yield made
    finally:
        redis.kill()


def fill(url: str) -> None:
    """Gives every user one event, of an item that is named like the user."""
    store = open_redis(url)
    try:
        now_us = int(time.time() * 1e6)
        store.events.append(
            [UserEvent(f"e-{user}", user, "", user, EventType.VIEW, now_us - 1_000_000) for user in USERS]
        )
    finally:
        store.close()


def run(report: Report) -> None:
    """Measures everything."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with stage(directory / "server") as made:
            killed(report, made)
            for seconds in (0.2, 2.0) if report.quick else (0.2, 2.0, 30.0):
                stopped(report, made, seconds)
            slow(report, made)
            refusing(report, made)
        flapping(report, directory / "flapping")
        desynchronised(report, directory / "desync")
        failover(report, directory / "cluster")


def killed(report: Report, made: Stage) -> None:
    """T27: kill -9, started again ten seconds later, empty and then with what it held."""
    usual = share(made.calls(made.phase(3.0)), whole)
    for kind in ("empty", "full"):
        connections = made.proxy.connections_total
        killed_s = time.monotonic()
        made.redis.kill()
        made.phase(2.0 if report.quick else 10.0)
        made.redis.start()
        if kind == "full":
            fill(made.redis.url)
        back_s = time.monotonic()
        end_s = made.phase(8.0)[1]
        gone, back = made.load.between(killed_s, back_s), made.load.between(back_s, end_s)
        name = f"killed, back {kind}"
        attempts = (made.proxy.connections_total - connections) / (end_s - killed_s)
        degraded_s = settled_s(gone, lambda call: not whole(call), 1.0, 0.2)
        report.at_most("T27", f"{name}: until all answers are degraded", degraded_s * 1e3, 200, "ms")
        report.at_most(
            "T27",
            f"{name}: until as many are whole as before",
            settled_s(back, whole, usual - 0.02, 1.0),
            3,
            "s",
        )
        report.at_most("T27", f"{name}: connections tried by parent and worker", attempts, 40, "/s")
        failed = share([*gone, *back], lambda call: not call.ok)
        report.at_most("T27", f"{name}: failed calls", failed * 100, 0, "%")


def whole(call: Call) -> bool:
    """Returns whether a call had a full answer."""
    return call.ok and not call.degraded


def settled_s(calls: list[Call], good: Callable[[Call], bool], wanted: float, window_s: float) -> float:
    """Returns the seconds from the first call to the first window in which the wanted share of calls is good."""
    for call in calls:
        start_s = call.planned_s
        window = [each for each in calls if start_s <= each.planned_s < start_s + window_s]
        if share(window, good) >= wanted:
            return start_s - calls[0].planned_s
    return float("inf")


def stopped(report: Report, made: Stage, seconds: float) -> None:
    """T28: SIGSTOP for a while."""
    before = made.calls(made.phase(3.0 if report.quick else 15.0))
    connections = made.proxy.connections_total
    made.redis.pause()
    during = made.calls(made.phase(seconds))
    made.redis.resume()
    resumed_s = time.monotonic()
    made.phase(4.0)
    after = made.load.between(resumed_s, resumed_s + 4.0)
    first_s = min((call.ended_s for call in after if whole(call)), default=float("inf"))
    name = f"stopped {seconds:g} s"
    added_ms = p99_ms(during) - p99_ms(before)
    report.at_most("T28", f"{name}: p99 above that of before", added_ms, 15, "ms")
    new = made.proxy.connections_total - connections
    report.at_most("T28", f"{name}: new connections of parent and worker", new, 200, "")
    report.at_most("T28", f"{name}: until the first whole answer", (first_s - resumed_s) * 1e3, 300, "ms")


def slow(report: Report, made: Stage) -> None:
    """T29: DEBUG SLEEP, a slow network, a huge value and a KEYS over many keys."""
    seconds = 3.0 if report.quick else 15.0
    stop = threading.Event()

    def sleepy() -> None:
        with made.redis.client() as client:
            while not stop.wait(0.2):
                client.execute_command("DEBUG SLEEP 0.05")

    thread = threading.Thread(target=sleepy, daemon=True)
    thread.start()
    sleeping = made.calls(made.phase(seconds))
    stop.set()
    thread.join()
    report.at_most("T29", "DEBUG SLEEP 0.05 each 200 ms: p99", p99_ms(sleeping), 100, "ms")
    made.proxy.set(latency_s=0.03, jitter_s=0.02)
    delayed = made.calls(made.phase(seconds))
    made.proxy.set()
    report.at_most("T29", "network 30 ms +- 20: p99", p99_ms(delayed), 100, "ms")
    with made.redis.client() as client:
        client.execute_command("DEBUG", "POPULATE", 100_000 if report.quick else 1_000_000)
        start_s = time.monotonic()
        for _ in range(3):
            client.set("large", b"x" * 5_000_000)
            client.get("large")
            client.keys("*1234567*")
        span = (start_s, made.phase(1.0)[1])
    report.at_most("T29", "5 MB values and KEYS over 1 M keys: p99", p99_ms(made.calls(span)), 100, "ms")


def refusing(report: Report, made: Stage) -> None:
    """T30: full, read-only, loading, and a password that appears: lines in the log, and reads that go on."""
    with made.redis.client() as client:
        faults: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
            (
                "full",
                lambda: client.config_set("maxmemory", "1mb"),
                lambda: client.config_set("maxmemory", "0"),
            ),
            (
                "read-only",
                lambda: client.replicaof("127.0.0.1", free_ports(1)[0]),
                lambda: client.replicaof("NO", "ONE"),
            ),
            ("reloading", lambda: client.execute_command("DEBUG RELOAD"), lambda: None),
            (
                "password",
                lambda: client.config_set("requirepass", "x"),
                lambda: client.config_set("requirepass", ""),
            ),
        ]
        for name, begin, end in faults:
            lines = len(made.server.output)
            start_s = time.monotonic()
            begin()
            span = (start_s, made.phase(2.0 if report.quick else 8.0)[1])
            end()
            calls = made.calls(span)
            warned = sum(bool(_WARNING.search(line)) for line in made.server.output[lines:])
            rate = warned / (span[1] - span[0])
            report.at_most("T30", f"{name}: log lines of parent and worker", rate, 2, "/s")
            report.at_most(
                "T30", f"{name}: failed calls", share(calls, lambda call: not call.ok) * 100, 0, "%"
            )
            if name in ("full", "read-only"):
                degraded = share(calls, lambda call: call.degraded) * 100
                report.at_most("T30", f"{name}: answers without the user's record", degraded, 2, "%")
            made.phase(2.0)


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
    redis = RedisServer(directory, free_ports(1)[0]).start()
    wanted = 2_000 if report.quick else 50_000
    try:
        fill(redis.url)
        with ToxicProxy(("127.0.0.1", redis.port)) as proxy:
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
    finally:
        redis.kill()
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
