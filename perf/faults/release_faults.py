"""T46, T47, T50, T52: releases that are swapped and rolled back under load, and published by processes that die."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import grpc
from shortlist.v1 import release_service_pb2 as pb
from shortlist.v1.release_service_pb2_grpc import ReleaseServiceStub

from perf.faults.__main__ import run_alone
from perf.faults.front_load import Load, Running, codes, latencies, percentile, run_load
from perf.faults.front_server import front_server, wait_until
from perf.faults.overload_faults import resident_mb
from perf.faults.report import Report
from server.errors import ReleaseRefused
from server.releases.mapped_release import MappedRelease
from server.releases.registry import current_version
from tests.support.server_process import ServerProcess
from tests.support.small_release import build_small_release
from tests.support.traced_publish import SYSTEM_CALLS, TracedPublisher

RATE = 150.0
SWAPS = 12
SWAP_INTERVAL_S = 2.0


def run(report: Report) -> None:
    """Runs all of them."""
    with front_server() as server:
        swap(report, server)
        roll_back(report, server)
    faults = {"signal=KILL": SYSTEM_CALLS, "error=EIO": ("fsync", "rename"), "error=ENOSPC": ("write",)}
    for fault, calls in faults.items():
        publish_faults(report, fault, tuple(calls))


def swap(report: Report, server: ServerProcess) -> None:
    """T50: two releases take turns."""
    load = Load(server.address, RATE, SWAPS * SWAP_INTERVAL_S + 2)
    quiet_ms = percentile(latencies(run_load(Load(server.address, RATE, 10))), 0.99)
    with grpc.insecure_channel(server.admin_address) as channel:
        # From here on each worker holds two releases: the one that serves and the one before.
        for version in ("r2", "r1"):
            ReleaseServiceStub(channel).ActivateRelease(
                pb.ActivateReleaseRequest(version=version), timeout=60
            )
    open_before, memory_before = open_files(server), resident_mb(server)
    took_s: list[float] = []

    def during(running: Running) -> None:
        with grpc.insecure_channel(server.admin_address) as channel:
            stub = ReleaseServiceStub(channel)
            for number in range(SWAPS):
                wait_until(running.started_s + 1 + SWAP_INTERVAL_S * number)
                started_s = time.monotonic()
                version = "r2" if number % 2 == 0 else "r1"
                stub.ActivateRelease(pb.ActivateReleaseRequest(version=version), timeout=60)
                took_s.append(time.monotonic() - started_s)

    outcomes = run_load(load, during)
    busy_ms = percentile(latencies(outcomes), 0.99)
    files, memory = open_files(server) - open_before, resident_mb(server) - memory_before
    report.add(
        "T50 swap under load",
        set(codes(outcomes)) == {"OK"} and busy_ms <= quiet_ms * 1.1 + 5 and abs(files) <= 10,
        f"{SWAPS} swaps of {statistics.median(took_s):.2f} s: {codes(outcomes)}, p99 {quiet_ms:.1f} -> {busy_ms:.1f} ms, "
        f"{files:+d} open files, {memory:+.0f} MB",
        "no call fails, p99 + 10 % (and 5 ms of noise), open files flat",
    )


def roll_back(report: Report, server: ServerProcess) -> None:
    """T52: back to the release before, on every worker."""
    took_s: list[float] = []

    def during(running: Running) -> None:
        with grpc.insecure_channel(server.admin_address) as channel:
            for number in range(3):
                wait_until(running.started_s + 1 + 2.0 * number)
                started_s = time.monotonic()
                ReleaseServiceStub(channel).RollBack(pb.RollBackRequest(), timeout=60)
                took_s.append(time.monotonic() - started_s)

    outcomes = run_load(Load(server.address, RATE, 8), during)
    report.add(
        "T52 rollback",
        max(took_s) < 1 and set(codes(outcomes)) == {"OK"},
        f"every worker serves it after {', '.join(f'{each:.2f}' for each in took_s)} s; {codes(outcomes)}",
        "1 s, no call fails",
    )


def publish_faults(report: Report, fault: str, calls: tuple[str, ...]) -> None:
    """T46, T47: the fault strikes a publish at every one of its system calls, one publish each."""
    tried, kept, broken = 0, 0, []
    with tempfile.TemporaryDirectory(prefix="shortlist-publish-") as folder:
        releases = Path(folder) / "releases"

        def begin_anew() -> None:
            shutil.rmtree(releases, ignore_errors=True)
            build_small_release(releases, items=12, version="r1")

        publisher = TracedPublisher(Path(folder))
        try:
            begin_anew()
            counted = publisher.publish(releases).calls
            for call in calls:
                for number in range(1, counted[call] + 1):
                    begin_anew()
                    publisher.publish(releases, call, number, fault)
                    tried += 1
                    kept += current_version(releases) == "r1"
                    try:
                        MappedRelease.open(releases / str(current_version(releases)), prefault_pages=False)
                    except (ReleaseRefused, OSError) as error:
                        broken.append(f"{call} {number}: {error}")
        finally:
            publisher.close()
    report.add(
        f"T46 T47 publish, {fault} at every {', '.join(calls)}",
        tried > 0 and not broken,
        f"{tried} publishes, {kept} left the old release current, {tried - kept} the new one, {len(broken)} neither",
        "the old release or the new one serves after each",
    )


def open_files(server: ServerProcess) -> int:
    """Returns the number of open files of all workers."""
    return sum(len(os.listdir(f"/proc/{worker.pid}/fd")) for worker in server.workers())


if __name__ == "__main__":
    run_alone(run)
