"""T27 to T30: Redis killed, stopped, slow and refusing, under a server.

A real server with one worker on a real Redis behind a toxic proxy, at a fixed rate of calls.
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

import redis

from perf.faults.__main__ import run_alone
from perf.faults.redis_users import USERS, fill
from perf.faults.report import Report
from perf.faults.steady_load import Call, SteadyLoad, in_turn, no_failures, p99_ms, share
from tests.support.redis_server import RedisServer, free_ports
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import build_small_release
from tests.support.toxic_proxy import ToxicProxy

RPS = 100.0
READABLE = ("full", "read-only")
"""Refusals during which users' records are still read."""
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
                SteadyLoad(server.address, RPS, in_turn(USERS)) as load,
            ):
                made = Stage(redis, proxy, server, load)
                made.phase(3.0)
                yield made
                print("".join(line for line in server.output if "next start in" in line), end="", flush=True)
    finally:
        redis.kill()


def run(report: Report) -> None:
    """Measures everything."""
    with tempfile.TemporaryDirectory() as name, stage(Path(name)) as made:
        killed(report, made)
        for seconds in (0.2, 2.0) if report.quick else (0.2, 2.0, 30.0):
            stopped(report, made, seconds)
        slow(report, made)
        refusing(report, made)


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
        no_failures(report, "T27", name, [*gone, *back])


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
    no_failures(report, "T28", name, [*during, *after])
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
    slow_figures(report, "DEBUG SLEEP 0.05 each 200 ms", sleeping)
    made.proxy.set(latency_s=0.03, jitter_s=0.02)
    delayed = made.calls(made.phase(seconds))
    made.proxy.set()
    slow_figures(report, "network 30 ms +- 20", delayed)
    with made.redis.client() as client:
        client.execute_command("DEBUG", "POPULATE", 100_000 if report.quick else 1_000_000)
        start_s = time.monotonic()
        for _ in range(3):
            client.set("large", b"x" * 5_000_000)
            client.get("large")
            client.keys("*1234567*")
        span = (start_s, made.phase(1.0)[1])
    slow_figures(report, "5 MB values and KEYS over 1 M keys", made.calls(span))


def slow_figures(report: Report, name: str, calls: list[Call]) -> None:
    """Adds what is asked of the calls while Redis is slow."""
    no_failures(report, "T29", name, calls)
    report.at_most("T29", f"{name}: p99", p99_ms(calls), 100, "ms")


def refusing(report: Report, made: Stage) -> None:
    """T30: full, read-only, loading, and a password that appears: lines in the log, and reads that go on."""
    with made.redis.client() as client:
        for name, (begin, end) in refusals(client).items():
            lines, start_s = len(made.server.output), time.monotonic()
            begin()
            span = (start_s, made.phase(2.0 if report.quick else 8.0)[1])
            end()
            calls = made.calls(span)
            warned = sum(bool(_WARNING.search(line)) for line in made.server.output[lines:])
            rate = warned / (span[1] - span[0])
            report.at_most("T30", f"{name}: log lines of parent and worker", rate, 2, "/s")
            no_failures(report, "T30", name, calls)
            if name in READABLE:
                degraded = share(calls, lambda call: call.degraded) * 100
                report.at_most("T30", f"{name}: answers without the user's record", degraded, 2, "%")
            made.phase(2.0)


def refusals(client: redis.Redis) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Returns how each kind of refusal begins and ends."""
    return {
        "full": (
            lambda: client.config_set("maxmemory", "1mb"),
            lambda: client.config_set("maxmemory", "0"),
        ),
        "read-only": (
            lambda: client.replicaof("127.0.0.1", free_ports(1)[0]),
            lambda: client.replicaof("NO", "ONE"),
        ),
        "reloading": (lambda: client.execute_command("DEBUG RELOAD"), lambda: None),
        "password": (
            lambda: client.config_set("requirepass", "x"),
            lambda: client.config_set("requirepass", ""),
        ),
    }


if __name__ == "__main__":
    run_alone(run)
