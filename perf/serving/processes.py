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
from pathlib import Path

SERVER_CORE = 0
GENERATOR_CORE = 1
START_TIMEOUT_LINES = 200


def pinned(core: int, command: list[str]) -> list[str]:
    """Returns the command, to run on one core; what it starts inherits the pin."""
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("this measurement needs two cores: one for the server, one for the generator")
    return ["taskset", "-c", str(core), *command]


@contextmanager
def started(
    command: list[str], pattern: str, environment: dict[str, str] | None = None
) -> Iterator[re.Match[str]]:
    """Runs a server on SERVER_CORE while the block runs; yields the match of the line that says it is ready."""
    process = subprocess.Popen(
        pinned(SERVER_CORE, command),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        yield _ready(process, pattern)
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


@contextmanager
def shortlist_server(data_dir: Path) -> Iterator[int]:
    """Serves a data directory with one worker; yields the port."""
    command = [sys.executable, "-m", "server", "serve", "--workers", "1", "--port", "0", "--admin-port", "0"]
    with started([*command, "--data-dir", str(data_dir)], r"serving on [^ ]*:(\d+)") as ready:
        yield int(ready.group(1))


@contextmanager
def echo_server(reply: bytes) -> Iterator[int]:
    """Serves one reply; yields the port."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reply.bin"
        path.write_bytes(reply)
        command = [sys.executable, "-m", "perf.serving.echo_server", str(path)]
        with started(command, r"^(\d+)$") as ready:
            yield int(ready.group(1))
