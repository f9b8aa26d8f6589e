"""Since when each of the server's threads has been at its call."""

from __future__ import annotations

import threading
import time

_COMPUTING_PATIENCE = 10
"""A process that computes is slow, not stuck: it gets so many times as long."""


class ThreadStamps:
    """Written by each thread for itself, read by the watchdog.

    threads: how many there are. patience_s: how long a call may take before its thread counts as stuck.
    """

    def __init__(self, threads: int, patience_s: float) -> None:
        self._threads = threads
        self._patience_s = patience_s
        self._running: dict[int, float] = {}

    def begin(self) -> None:
        """Notes that this thread begins a call."""
        self._running[threading.get_ident()] = time.monotonic()

    def end(self) -> None:
        """Notes that this thread has ended its call."""
        self._running.pop(threading.get_ident(), None)

    def all_stuck(self, busy: bool) -> bool:
        """Returns whether every thread has been at one call for too long. busy: the process is computing."""
        running = list(self._running.values())
        if len(running) < self._threads:
            return False
        patience_s = self._patience_s * (_COMPUTING_PATIENCE if busy else 1)
        return time.monotonic() - max(running) > patience_s
