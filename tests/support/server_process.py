"""A real server, started as a person would start it and stopped by its pid."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from server.cli.client import ShortlistClient
from server.control_block import ControlBlock, SlotStatus
from server.running_server import control_path, find_running_server

REPOSITORY = Path(__file__).resolve().parents[2]
_READY = re.compile(r"serving on (\S+) with \d+ workers, releases on (\S+)")


@dataclass
class ServerProcess:
    """A running server. address, admin_address: host:port. output: what it has written so far."""

    process: subprocess.Popen[str]
    data_dir: Path
    address: str = ""
    admin_address: str = ""
    output: list[str] = field(default_factory=list)

    def clients(self, count: int) -> list[ShortlistClient]:
        """Returns clients with a connection each, which the kernel spreads over the workers."""
        return [ShortlistClient(self.address, timeout_s=20) for _ in range(count)]

    def workers(self) -> list[SlotStatus]:
        """Returns what the control block says of every worker."""
        control = ControlBlock(control_path(self.data_dir))
        try:
            return control.workers()
        finally:
            control.close()

    def metrics(self) -> dict[str, float]:
        """Returns every sample of the Prometheus endpoint, by its name and labels as the text writes them."""
        with urllib.request.urlopen(f"http://{self.metrics_address()}/metrics", timeout=10) as reply:
            lines = reply.read().decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def metrics_address(self) -> str:
        """Returns host:port of the Prometheus endpoint."""
        found = find_running_server(self.data_dir)
        assert found is not None
        return found.metrics_address

    def stop(self) -> int:
        """Sends SIGTERM and returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextmanager
def running_server(data_dir: Path, *, workers: int = 2, **settings: object) -> Iterator[ServerProcess]:
    """Starts a server on free ports and waits until every worker serves; stops it at the end.

    settings: by environment name without its prefix, such as SERVER__DRAIN_NOTICE_S.
    """
    wanted = {"TELEMETRY__METRICS_PORT": 0, **settings}
    environment = {f"SHORTLIST_{name}": str(value) for name, value in wanted.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "serve", "--port=0", "--admin-port=0", f"--workers={workers}"],
        cwd=REPOSITORY,
        env={**os.environ, "SHORTLIST_DATA_DIR": str(data_dir), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = ServerProcess(process, data_dir)
    ready = threading.Event()
    reader = threading.Thread(target=_read, args=(server, ready), daemon=True)
    reader.start()
    try:
        if not ready.wait(60) or not server.address:
            raise AssertionError("the server did not start:\n" + "".join(server.output))
        yield server
    finally:
        if process.poll() is None:
            server.stop()
        reader.join(10)


def _read(server: ServerProcess, ready: threading.Event) -> None:
    """Keeps what the server writes, and notes its addresses."""
    assert server.process.stdout is not None
    with server.process.stdout as lines:
        for line in lines:
            server.output.append(line)
            if found := _READY.search(line):
                server.address, server.admin_address = found.groups()
                ready.set()
    ready.set()
