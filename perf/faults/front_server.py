"""The server that front tests are made on: two workers over a small release, with room to spare in every file."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from server.control_block import WorkerState
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import build_small_release

ITEMS = 2_000


@contextmanager
def front_server(workers: int = 2, **settings: object) -> Iterator[ServerProcess]:
    """Serves releases r1 (current) and r2 from a directory of its own while the block runs."""
    with tempfile.TemporaryDirectory(prefix="shortlist-faults-") as folder:
        data_dir = Path(folder)
        build_small_release(data_dir / "releases", items=ITEMS, version="r2", parent="r1", activate=False)
        build_small_release(data_dir / "releases", items=ITEMS, version="r1")
        with running_server(data_dir, workers=workers, **settings) as server:
            yield server


def serving_pids(server: ServerProcess) -> set[int]:
    """Returns the pids of the workers that serve now."""
    return {worker.pid for worker in server.workers() if worker.state is WorkerState.SERVING}


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> float:
    """Returns how many seconds it took until the condition held; raises TimeoutError when it never did."""
    pause = threading.Event()
    started_s = time.monotonic()
    while time.monotonic() - started_s < timeout_s:
        if condition():
            return time.monotonic() - started_s
        pause.wait(0.02)
    raise TimeoutError("the condition never held")


def wait_until(time_s: float) -> None:
    """Returns at a value of time.monotonic()."""
    threading.Event().wait(max(0.0, time_s - time.monotonic()))
