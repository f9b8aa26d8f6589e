"""Servers to measure telemetry on: W(items) with one worker on a core of its own, and a collector beside the generator."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from perf.serving.processes import GENERATOR_CORE, SERVER_CORE
from perf.serving.requests import encoded_requests
from perf.world.__main__ import make_world
from perf.world.shape import WorldShape
from perf.world.users import user_id
from tests.support.server_process import ServerProcess, running_server

ITEMS = 20_000
SEED = 7
DRAWS = 5_000


def make_data(folder: Path) -> tuple[Path, list[bytes]]:
    """Writes W(ITEMS) below a folder; returns its data directory and encoded requests of its users, drawn by Zipf(1.0)."""
    data_dir = folder / "world"
    make_world(WorldShape(ITEMS, 0, SEED), data_dir)
    weights = 1.0 / np.arange(1, ITEMS + 1)
    users = np.random.default_rng(SEED).choice(ITEMS, DRAWS, p=weights / weights.sum())
    return data_dir, encoded_requests([user_id(int(number)) for number in users])


def copy_of(data_dir: Path, name: str) -> Path:
    """Returns a copy beside the original: a server holds its data directory for itself."""
    target = data_dir.with_name(name)
    shutil.copytree(data_dir, target, symlinks=True)
    return target


@contextmanager
def measured_server(data_dir: Path, **settings: object) -> Iterator[ServerProcess]:
    """Runs a server with one worker on SERVER_CORE; what runs in this process is on GENERATOR_CORE."""
    os.sched_setaffinity(0, {SERVER_CORE})
    with running_server(data_dir, workers=1, **settings) as server:
        os.sched_setaffinity(0, {GENERATOR_CORE})
        yield server


@contextmanager
def collector(delay_ms: float = 0.0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Runs a collector that throws everything away; yields its process and the exporter's URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "perf.telemetry.null_collector", str(delay_ms)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, f"http://127.0.0.1:{int(process.stdout.readline())}/v1/traces"
    finally:
        process.kill()
        process.wait(10)


def port_of(server: ServerProcess) -> int:
    """Returns the public port."""
    return int(server.address.rsplit(":", 1)[1])


def cpu_s(pid: int) -> float:
    """Returns the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
