"""What the parent process does now and then beside watching its workers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """One chore. action: bounded in time; what it raises is logged, and it is tried again when next due."""

    name: str
    interval_s: float
    action: Callable[[], None]


@dataclass(slots=True)
class Housekeeper:
    """Runs chores one after the other on a thread of its own; a late chore delays the others, never a request.

    failures: how often each chore raised, by name.
    """

    tasks: Sequence[PeriodicTask]
    clock: Callable[[], float] = time.monotonic
    failures: dict[str, int] = field(init=False, default_factory=dict)
    _due: dict[str, float] = field(init=False, default_factory=dict)
    _stopped: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        now = self.clock()
        self._due = {task.name: now + task.interval_s for task in self.tasks}

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Lets the chore at hand finish, for at most timeout_s; returns whether the thread has ended."""
        self._stopped.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def run_due(self) -> float:
        """Runs what is due; returns the seconds until the next chore."""
        for task in self.tasks:
            if self.clock() < self._due[task.name] or self._stopped.is_set():
                continue
            try:
                task.action()
            except Exception:
                self.failures[task.name] = self.failures.get(task.name, 0) + 1
                log.exception("chore %s failed", task.name)
            self._due[task.name] = self.clock() + task.interval_s
        return max(0.0, min(self._due.values()) - self.clock())

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._stopped.wait(self.run_due())


def expire_files(directory: Path, patterns: Sequence[str], retention_days: float, now_s: float) -> int:
    """Deletes files of a directory that were last written more than retention_days ago; returns how many."""
    limit_s = now_s - retention_days * _DAY_S
    expired = [
        path
        for pattern in patterns
        for path in directory.glob(pattern)
        if path.is_file() and path.stat().st_mtime < limit_s
    ]
    for path in expired:
        path.unlink(missing_ok=True)
    return len(expired)
