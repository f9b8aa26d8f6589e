"""Which server runs on a data directory: held by a lock, told by a small file."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from server.errors import Refused


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server can be reached. metrics_address: host:port of the Prometheus endpoint, empty where there is none."""

    pid: int
    host: str
    port: int
    admin_host: str
    admin_port: int
    metrics_address: str = ""

    @property
    def address(self) -> str:
        """The public host:port."""
        return f"{self.host}:{self.port}"

    @property
    def admin_address(self) -> str:
        """host:port of release calls."""
        return f"{self.admin_host}:{self.admin_port}"


def control_path(data_dir: Path) -> Path:
    """Returns the control block's place."""
    return data_dir / "run" / "control"


def metrics_path(data_dir: Path) -> Path:
    """Returns the place of the file that the workers count in."""
    return data_dir / "run" / "metrics"


def _lock_path(data_dir: Path) -> Path:
    return data_dir / "run" / "server.json"


@contextmanager
def sole_server(data_dir: Path) -> Iterator[int]:
    """Holds the directory for one server; raises Refused when another has it. Yields what `announce` takes.

    The lock goes with the process, however it ends.
    """
    path = _lock_path(data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another server runs on {data_dir}", reason="DATA_DIR_IN_USE") from None
        os.ftruncate(descriptor, 0)
        yield descriptor
    finally:
        os.close(descriptor)


def announce(descriptor: int, server: RunningServer) -> None:
    """Writes where the server that holds the lock can be reached."""
    os.pwrite(descriptor, json.dumps(asdict(server)).encode(), 0)


def find_running_server(data_dir: Path) -> RunningServer | None:
    """Returns the server that runs on the directory now, or None."""
    try:
        descriptor = os.open(_lock_path(data_dir), os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        content = os.pread(descriptor, 4096, 0)
        return RunningServer(**json.loads(content)) if content else None
    finally:
        os.close(descriptor)
    return None
