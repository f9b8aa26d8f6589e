"""T10 to T12, T14: more than a worker can answer, prefetch floods, slow dependencies, idle and slow connections."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from perf.faults.__main__ import run_alone
from perf.faults.front_load import (
    REPOSITORY,
    Load,
    Outcome,
    Running,
    codes,
    latencies,
    percentile,
    run_load,
    start_load,
)
from perf.faults.front_server import front_server, wait_until
from perf.faults.report import Report
from tests.support.server_process import ServerProcess

SECONDS = 8.0
IDLE, TRICKLING = 1_000, 100
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def run(report: Report) -> None:
    """Runs all of them."""
    with front_server(workers=1) as server:
        # Long explained answers are dear to make and no dearer to refuse, so one client can send several times too much.
        dear = Load(server.address, 0, SECONDS, num_items=200, explain=True, retries=False)
        peak = capacity(dear)
        overload(report, dear, peak)
        priority(report, dear, peak)
        idle_connections(report, server)
    adaptive_limit(report)


def capacity(dear: Load) -> float:
    """Returns the most calls a second that are answered, by a flood."""
    outcomes = run_load(replace(dear, rate=1_000.0, seconds=4.0))
    return goodput(outcomes)


def goodput(outcomes: list[Outcome], skip_s: float = 1.0) -> float:
    """Returns answered calls a second, without the first."""
    start_s, end_s = outcomes[0].planned_s + skip_s, outcomes[-1].planned_s
    return sum(o.code == "OK" and o.planned_s >= start_s for o in outcomes) / (end_s - start_s)


def overload(report: Report, dear: Load, peak: float) -> None:
    """T10: two and five times what can be answered, and after it."""
    for times in (2, 5):
        outcomes = run_load(replace(dear, rate=peak * times))
        settled = [o for o in outcomes if o.planned_s > outcomes[0].planned_s + 1]
        good = goodput(outcomes)
        accepted_ms = percentile(latencies(settled), 0.99)
        refused_ms = percentile(latencies(settled, "RESOURCE_EXHAUSTED"), 0.99)
        only = set(codes(outcomes)) <= {"OK", "RESOURCE_EXHAUSTED"}
        report.add(
            f"T10 overload {times}x",
            good >= 0.8 * peak and accepted_ms < 100 and refused_ms < 20 and only,
            f"goodput {good:.0f}/s of {peak:.0f}/s, accepted p99 {accepted_ms:.1f} ms, refused p99 {refused_ms:.1f} ms, "
            f"{codes(outcomes)}",
            "goodput 80 % of the peak, accepted p99 < 100 ms, refused p99 < 20 ms, no other code",
        )
    after = run_load(replace(dear, rate=peak * 0.4, seconds=4.0))
    late = [o for o in after if o.planned_s > after[0].planned_s + 2]
    report.add(
        "T10 recovery",
        set(codes(late)) == {"OK"},
        f"2 s after: {codes(late)}, p99 {percentile(latencies(late), 0.99):.1f} ms",
        "every call answered 2 s after the flood",
    )


def priority(report: Report, dear: Load, peak: float) -> None:
    """T11: interactive calls at a steady rate while prefetch rises to several times what can be answered."""
    interactive = start_load(replace(dear, rate=peak * 0.4, seconds=12.0, priority="interactive"))
    wait_until(interactive.started_s + 2)
    prefetch = run_load(replace(dear, rate=peak * 4, seconds=8.0, priority="prefetch"))
    outcomes = interactive.finish()
    answered = sum(o.code == "OK" for o in outcomes) / len(outcomes)
    p99_ms = percentile(latencies(outcomes), 0.99)
    shed = sum(o.code == "RESOURCE_EXHAUSTED" for o in prefetch) / len(prefetch)
    report.add(
        "T11 priority",
        answered >= 0.999 and p99_ms < 100 and shed > 0.5,
        f"interactive {answered:.2%} answered, p99 {p99_ms:.1f} ms; prefetch {shed:.0%} refused",
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
