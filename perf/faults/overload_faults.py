"""T10 to T12, T14: more than a worker can answer, prefetch floods, slow dependencies, idle and slow connections."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from shortlist.v1 import recommendation_service_pb2 as pb

from perf.faults.__main__ import run_alone
from perf.faults.front_load import (
    METHOD,
    REPOSITORY,
    USERS,
    Load,
    Running,
    codes,
    latencies,
    percentile,
    run_load,
)
from perf.faults.front_server import front_server, wait_until
from perf.faults.report import Report
from perf.replay import client as replay
from tests.support.server_process import ServerProcess

SECONDS = 8.0
CALLER_S = 1
CONNECTIONS = 8
CAPACITY_CALLS = 24
SLOW_S = 0.04
IDLE, TRICKLING = 1_000, 100
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def run(report: Report) -> None:
    """Runs all of them."""
    with front_server(workers=1) as server:
        dear = Calls(int(server.address.rsplit(":", 1)[1]), num_items=200, explain=True)
        peak = dear.capacity()
        overload(report, dear, peak, 2, "load")
        recovery(report, dear, peak)
        priority(report, dear, peak, 2, "load")
        idle_connections(report, server)
    slow_overload(report)
    adaptive_limit(report)


@dataclass(frozen=True)
class Calls:
    """Calls by the compiled generator: a client in Python would reach its own limit first.

    Each caller gives up after CALLER_S. num_items, explain: long explained answers are dear to make and no dearer to refuse.
    """

    port: int
    num_items: int = 20
    explain: bool = False

    def capacity(self) -> float:
        """Returns the most calls a second that are answered."""
        load = replay.Load(4.0, in_flight=CAPACITY_CALLS, connections=CONNECTIONS, warm_up_s=1.0)
        return self._replay(load).rps

    def send(
        self, rate: float, seconds: float = SECONDS, warm_up_s: float = 1.0, **headers: str
    ) -> replay.Replayed:
        """Returns what became of calls at a rate. headers: Shortlist's own."""
        named = ((f"shortlist-{name}", value) for name, value in headers.items())
        said = (("grpc-timeout", f"{CALLER_S}S"), *named)
        load = replay.Load(seconds, rate=rate, connections=CONNECTIONS, warm_up_s=warm_up_s, headers=said)
        return self._replay(load)

    def _replay(self, load: replay.Load) -> replay.Replayed:
        return replay.replay(self.port, METHOD, self._bodies(), load)

    def _bodies(self) -> list[bytes]:
        request = pb.RecommendRequest(num_items=self.num_items, explain=self.explain)
        bodies = []
        for number in range(USERS):
            request.user_id = f"user-{number}"
            bodies.append(request.SerializeToString())
        return bodies


def names(seen: replay.Replayed) -> dict[str, int]:
    """Returns how many calls ended with each status."""
    by_number = {str(code.value[0]): code.name for code in grpc.StatusCode}
    return {by_number[number]: count for number, count in seen.statuses.items()}


def overload(report: Report, calls: Calls, peak: float, times: int, what: str) -> None:
    """T10: several times what can be answered."""
    seen = calls.send(peak * times)
    accepted_ms, refused_ms = seen.latency_ms["p99"], seen.refusal_ms["p99"]
    answered = seen.statuses.get("0", 0) + seen.statuses.get("8", 0) == seen.calls
    report.add(
        f"T10 overload {times}x by {what}",
        seen.rps >= 0.8 * peak and accepted_ms < 100 and refused_ms < 20 and answered,
        f"goodput {seen.rps:.0f}/s of {peak:.0f}/s, accepted p99 {accepted_ms:.1f} ms, refused p50 "
        f"{seen.refusal_ms['p50']:.1f} ms, p99 {refused_ms:.1f} ms, {names(seen)}; the client sent {seen.lag_ms['p99']:.2f} "
        f"ms late at p99 and used {seen.cpu_share:.0%} of a core",
        "goodput 80 % of the peak, accepted p99 < 100 ms, refused p99 < 20 ms, no other code",
    )


def recovery(report: Report, calls: Calls, peak: float) -> None:
    """T10: after a flood."""
    after = calls.send(peak * 0.4, seconds=2.0, warm_up_s=2.0)
    report.add(
        "T10 recovery",
        after.ok == after.calls,
        f"2 s after: {names(after)}, p99 {after.latency_ms['p99']:.1f} ms",
        "every call answered 2 s after the flood",
    )


def slow_overload(report: Report) -> None:
    """T10: five and ten times what can be answered, where a dependency is slow: a core could not even refuse as much.

    The calls that are too much are few enough that client and server are no limit.
    """
    with slow_server(SLOW_S) as slow:
        calls = Calls(int(slow.address.rsplit(":", 1)[1]))
        peak = calls.capacity()
        for times in (5, 10):
            overload(report, calls, peak, times, "a slow dependency")
        recovery(report, calls, peak)
        priority(report, calls, peak, 10, "a slow dependency")


def priority(report: Report, calls: Calls, peak: float, times: int, what: str) -> None:
    """T11: interactive calls at a steady rate while prefetch rises to several times what can be answered."""
    with ThreadPoolExecutor(1) as beside:
        started = beside.submit(calls.send, peak * 0.4, 12.0, priority="interactive")
        time.sleep(2.0)
        prefetch = calls.send(peak * times, priority="prefetch")
        seen = started.result()
    answered = seen.ok / seen.calls
    p99_ms = seen.latency_ms["p99"]
    shed = prefetch.statuses.get("8", 0) / prefetch.calls
    report.add(
        f"T11 prefetch {times}x by {what}",
        answered >= 0.999 and p99_ms < 100 and shed > 1 - 1 / times,
        f"interactive {answered:.2%} answered {names(seen)}, p99 {p99_ms:.1f} ms; prefetch {shed:.0%} refused",
        "interactive 99.9 % answered, p99 < 100 ms",
    )


@dataclass
class _Slow:
    address: str
    file: Path
    limits: list[tuple[float, int]] = field(default_factory=list)

    def between(self, start_s: float, end_s: float) -> list[int]:
        return [limit for time_s, limit in self.limits if start_s <= time_s < end_s]


@contextmanager
def slow_server(delay_s: float) -> Iterator[_Slow]:
    """A front whose dependency can be slowed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "delay"
        file.write_text(str(delay_s))
        process = subprocess.Popen(
            [sys.executable, "-m", "perf.faults.slow_dependency_server", str(file)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        lines = process.stdout
        slow = _Slow(f"127.0.0.1:{lines.readline().strip()}", file)

        def read() -> None:
            for line in lines:
                time_s, limit = line.split()
                slow.limits.append((float(time_s), int(limit)))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield slow
        finally:
            process.terminate()
            process.wait(20)
            reader.join(5)


def adaptive_limit(report: Report) -> None:
    """T12: a dependency takes three times as long for a while."""
    with slow_server(0.010) as slow:
        times: list[float] = []

        def during(running: Running) -> None:
            for at_s, delay_s in ((8.0, 0.030), (38.0, 0.010)):
                wait_until(running.started_s + at_s)
                slow.file.write_text(str(delay_s))
                times.append(running.started_s + at_s)

        outcomes = run_load(Load(slow.address, 480, 50, retries=False), during)
        slowed_s, back_s = times
        before, settled = slow.between(slowed_s - 3, slowed_s), slow.between(slowed_s + 4, back_s)
        fell = min(slow.between(slowed_s, slowed_s + 2))
        returned = max(slow.between(back_s, back_s + 10))
        accepted_ms = percentile(
            [o.latency_ms for o in outcomes if o.code == "OK" and slowed_s + 2 <= o.planned_s < back_s], 0.99
        )
        mean = sum(settled) / len(settled)
        swing = max(max(settled) / mean - 1, 1 - min(settled) / mean)
        report.add(
            "T12 adaptive limit",
            fell < 0.6 * before[-1] and accepted_ms < 120 and returned >= before[-1] and swing <= 0.3,
            f"limit {before[-1]}, {fell} within 2 s, then {min(settled)} to {max(settled)} (+-{swing:.0%}), {returned} within "
            f"10 s of the end; accepted p99 {accepted_ms:.0f} ms, {codes(outcomes)}",
            "falls in 2 s, p99 < 120 ms, back in 10 s, within 30 % of its mean",
        )


def idle_connections(report: Report, server: ServerProcess) -> None:
    """T14: connections that say nothing, some that trickle bytes, some that never finish their handshake."""
    load = Load(server.address, 100, SECONDS)
    quiet_ms = percentile(latencies(run_load(load)), 0.99)
    before_mb = resident_mb(server)
    host, port = server.address.rsplit(":", 1)
    opened = [socket.create_connection((host, int(port)), timeout=5) for _ in range(IDLE + TRICKLING)]
    stop = threading.Event()

    def trickle() -> None:
        for at in range(len(PREFACE)):
            for each in opened[IDLE:]:
                try:
                    each.send(PREFACE[at : at + 1])
                except OSError:
                    continue
            if stop.wait(1.0):
                return

    thread = threading.Thread(target=trickle, daemon=True)
    thread.start()
    outcomes = run_load(load)
    grown_mb = resident_mb(server) - before_mb
    closed = sum(is_closed(each) for each in opened[:IDLE])
    stop.set()
    thread.join(5)
    for each in opened:
        each.close()
    busy_ms = percentile(latencies(outcomes), 0.99)
    report.add(
        "T14 idle and trickling connections",
        set(codes(outcomes)) == {"OK"} and busy_ms < 100 and grown_mb < 100 and closed == IDLE,
        f"{IDLE} silent, {TRICKLING} of a byte a second: {codes(outcomes)}, p99 {quiet_ms:.1f} -> {busy_ms:.1f} ms, "
        f"+{grown_mb:.0f} MB, {closed} silent ones closed after {SECONDS:.0f} s",
        "no call fails, p99 < 100 ms, +100 MB, silent ones closed after the 5 s handshake",
    )


def resident_mb(server: ServerProcess) -> float:
    """Returns the memory of all workers."""
    total = 0
    for worker in server.workers():
        status = Path(f"/proc/{worker.pid}/status").read_text()
        total += int(status.split("VmRSS:")[1].split()[0])
    return total / 1024


def is_closed(connection: socket.socket) -> bool:
    """Returns whether the other side has closed a connection; takes what it had sent."""
    connection.settimeout(0.001)
    try:
        while connection.recv(4_096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


if __name__ == "__main__":
    run_alone(run)
