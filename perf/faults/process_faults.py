"""T3 to T7: workers that drain, restart, die, hang and crash in a loop, under load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import grpc

from perf.faults.__main__ import run_alone
from perf.faults.front_load import (
    METHOD,
    REPOSITORY,
    Load,
    Outcome,
    Running,
    codes,
    latencies,
    percentile,
    run_load,
)
from perf.faults.front_server import front_server, serving_pids, wait_for, wait_until
from perf.faults.report import Report
from server.control_block import ControlBlock
from server.supervisor import Supervisor, SupervisorOptions
from tests.support.server_process import ServerProcess

RATE = 150.0
DRAINS = 10
BEFORE_S, AFTER_S = 3.0, 6.0


def run(report: Report) -> None:
    """Runs all of them."""
    with front_server(SERVER__DRAIN_NOTICE_S=0.2) as server:
        drain(report, server)
        rolling_restart(report, server)
        kill(report, server)
        hang(report, server)
    crash_loop(report)
    stuck_threads(report)


def failures(outcomes: list[Outcome]) -> int:
    """Returns how many calls did not end well."""
    return sum(outcome.code != "OK" for outcome in outcomes)


def drain(report: Report, server: ServerProcess) -> None:
    """T3: a worker is told to end, again and again; its seat is filled at once."""
    took_s: list[float] = []

    def during(running: Running) -> None:
        for number in range(DRAINS):
            wait_until(running.started_s + 1.0 + number * 4.0)
            pid = min(serving_pids(server))
            os.kill(pid, signal.SIGTERM)
            took_s.append(wait_for(lambda pid=pid: pid not in {w.pid for w in server.workers()}))  # type: ignore[misc]
            wait_for(lambda: len(serving_pids(server)) == 2)

    outcomes = run_load(Load(server.address, RATE, 4.0 * DRAINS + 2), during)
    report.add(
        "T3 drain one worker",
        not failures(outcomes) and max(took_s) <= 5,
        f"{DRAINS} drains, {failures(outcomes)} of {len(outcomes)} calls failed {codes(outcomes)}, gone in {max(took_s):.2f} s at most",
        "0 failed, gone in 5 s",
    )


def rolling_restart(report: Report, server: ServerProcess) -> None:
    """T4: all workers are replaced one by one."""

    def during(running: Running) -> None:
        before = serving_pids(server)
        wait_until(running.started_s + BEFORE_S)
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: not before & {worker.pid for worker in server.workers()})

    outcomes = run_load(Load(server.address, RATE, 25), during)
    worst_ms = max(
        percentile(
            [o.latency_ms for o in outcomes if second <= o.planned_s - outcomes[0].planned_s < second + 1],
            0.99,
        )
        for second in range(25)
    )
    report.add(
        "T4 rolling restart",
        not failures(outcomes) and worst_ms < 150,
        f"{failures(outcomes)} of {len(outcomes)} calls failed {codes(outcomes)}, p99 of the worst second {worst_ms:.0f} ms",
        "0 failed, p99 < 150 ms in every second",
    )


def kill(report: Report, server: ServerProcess) -> None:
    """T5: a worker is killed."""
    took_s: list[float] = []

    def during(running: Running) -> None:
        wait_until(running.started_s + BEFORE_S)
        before = serving_pids(server)
        os.kill(min(before), signal.SIGKILL)
        took_s.append(wait_for(lambda: len(serving_pids(server) - before) == 1))

    outcomes = run_load(Load(server.address, RATE, BEFORE_S + AFTER_S), during)
    report.add(
        "T5 kill a worker",
        not failures(outcomes) and took_s[0] < 2,
        f"{failures(outcomes)} of {len(outcomes)} calls failed {codes(outcomes)}, serving again after {took_s[0]:.2f} s",
        "0 failed, serving in 2 s",
    )


def hang(report: Report, server: ServerProcess) -> None:
    """T6: a worker is stopped."""
    times: dict[str, float] = {}

    def during(running: Running) -> None:
        wait_until(running.started_s + BEFORE_S)
        pid = min(serving_pids(server))
        times["stopped"] = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        times["killed_after"] = wait_for(lambda: pid not in {worker.pid for worker in server.workers()})

    outcomes = run_load(Load(server.address, RATE, BEFORE_S + AFTER_S), during)
    gone_s = times["stopped"] + times["killed_after"]
    late = [outcome for outcome in outcomes if outcome.planned_s > gone_s + 0.1]
    report.add(
        "T6 hung worker",
        times["killed_after"] < 1.5 and not failures(late),
        f"killed after {times['killed_after']:.2f} s; {failures(outcomes)} of {len(outcomes)} calls failed, "
        f"{failures(late)} of them after that",
        "killed in 1.5 s, 0 failed afterwards",
    )


def stuck_threads(report: Report) -> None:
    """T6, second form: a worker whose every read thread hangs in its handler."""
    with tempfile.TemporaryDirectory() as folder:
        control = ControlBlock.create(Path(folder) / "control", slots=2)
        started: list[subprocess.Popen[bytes]] = []

        def start(seat: int, slot: int) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "tests.support.stuck_worker", str(control.path), str(slot), "2"]
            started.append(
                subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            )
            return started[-1]

        supervisor = Supervisor(
            SupervisorOptions(workers=1, heartbeat_timeout_ms=1_000, drain_timeout_s=1), control, start
        )
        try:
            supervisor.tick()
            assert started[0].stdout is not None
            address = f"127.0.0.1:{int(started[0].stdout.readline())}"
            with grpc.insecure_channel(address) as channel:
                call = channel.unary_unary(METHOD)
                hung = [call.future(b"\x0a\x01u", timeout=30) for _ in range(2)]
                took_s = wait_for(lambda: bool(supervisor.tick() and supervisor.kills))
                for each in hung:
                    each.cancel()
        finally:
            for process in started:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()
            control.close()
    report.add(
        "T6 stuck threads",
        took_s < 1.5,
        f"killed after {took_s:.2f} s ({dict(supervisor.kills)})",
        "killed in 1.5 s",
    )


def crash_loop(report: Report) -> None:
    """T7: one of two workers is killed whenever it comes up; the other serves on."""
    with front_server() as server:
        keep = max(serving_pids(server))
        starts: list[float] = []

        def during(running: Running) -> None:
            while time.monotonic() < running.started_s + 20:
                for worker in server.workers():
                    if worker.pid not in (keep, 0):
                        os.kill(worker.pid, signal.SIGKILL)
                        starts.append(time.monotonic())
                        wait_for(lambda pid=worker.pid: pid not in {w.pid for w in server.workers()})  # type: ignore[misc]
                time.sleep(0.02)

        outcomes = run_load(Load(server.address, RATE, 20), during)
        pauses_s = [after - before for before, after in pairwise(starts)]
        report.add(
            "T7 crash loop",
            not failures(outcomes) and pauses_s[1:] == sorted(pauses_s[1:]) and pauses_s[1] >= 0.9,
            f"starts {', '.join(f'{pause:.1f}' for pause in pauses_s)} s apart; {failures(outcomes)} of "
            f"{len(outcomes)} calls failed, p99 {percentile(latencies(outcomes), 0.99):.0f} ms",
            "1 s doubling; 0 failed",
        )


if __name__ == "__main__":
    run_alone(run)
