"""Stops a process for certain: the signal only asks, and on a busy machine its threads go on for a moment."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.waiting import wait_until

_STOPPED = "T"


def freeze(pid: int) -> None:
    """Sends SIGSTOP and returns when every thread of the process stands still."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: all(_state(task) == _STOPPED for task in Path(f"/proc/{pid}/task").iterdir()))


def _state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return _STOPPED  # A thread that has ended meanwhile.
