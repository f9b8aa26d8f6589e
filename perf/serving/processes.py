"""Servers under measurement: started pinned to one core, with all their processes and threads; stopped by pid."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SERVER_CORE = 0
GENERATOR_CORE = 1
START_TIMEOUT_LINES = 200


def pinned(core: int, command: list[str]) -> list[str]:
    """Returns the command, to run on one core; what it starts inherits the pin."""
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("this measurement needs two cores: one for the server, one for the generator")
    return ["taskset", "-c", str(core), *command]


class Ready(NamedTuple):
    """The line that says that a server is ready, and the server's process."""

    match: re.Match[str]
    pid: int


@contextmanager
def started(
    command: list[str], pattern: str, environment: dict[str, str] | None = None, folder: Path | None = None
) -> Iterator[Ready]:
    """Runs a server on SERVER_CORE while the block runs; yields what its line that says it is ready matched."""
    process = subprocess.Popen(
        pinned(SERVER_CORE, command),
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        yield Ready(_ready(process, pattern), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _ready(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    assert process.stdout is not None
    for _ in range(START_TIMEOUT_LINES):
        line = process.stdout.readline()
        if found := re.search(pattern, line):
            return found
        if not line:
            break
    raise SystemExit(f"the server did not start: {' '.join(process.args)}")  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Running:
    """A server under measurement. pid: of its first process."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Returns the CPU time, seconds, that its processes have used, those that it waited for included."""
        return sum(_cpu_s(pid) for pid in self.pids())

    def pids(self) -> list[int]:
        """Returns its processes, the first one first."""
        return _with_children(self.pid)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, waited_user, waited_system = (int(field) for field in fields[11:15])
    return (user + system + waited_user + waited_system) / os.sysconf("SC_CLK_TCK")


def _with_children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [pid, *(each for child in children for each in _with_children(child))]


@contextmanager
def shortlist_server(
    data_dir: Path, environment: dict[str, str] | None = None, workers: int = 1, checkout: Path | None = None
) -> Iterator[Running]:
    """Serves a data directory with this checkout's code, or with another's and its environment."""
    python = str(checkout / ".venv/bin/python") if checkout else sys.executable
    command = [python, "-m", "server", "serve", f"--workers={workers}", "--port", "0", "--admin-port", "0"]
    command += ["--data-dir", str(data_dir.resolve())]
    with started(command, r"serving on [^ ]*:(\d+)", environment, checkout) as ready:
        yield Running(int(ready.match.group(1)), ready.pid)


@contextmanager
def echo_server(reply: bytes) -> Iterator[Running]:
    """Serves one reply."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reply.bin"
        path.write_bytes(reply)
        command = [sys.executable, "-m", "perf.serving.echo_server", str(path)]
        with started(command, r"^(\d+)$") as ready:
            yield Running(int(ready.match.group(1)), ready.pid)
