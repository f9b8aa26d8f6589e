"""A worker's sign of life, and what it says when its process lives but none of its threads does."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from server.control_block import ControlBlock, WorkerState

log = logging.getLogger(__name__)

_BEATS_A_TIMEOUT = 5
_BUSY_SHARE = 0.5


class Heartbeat:
    """A thread that beats in the worker's slot until stop(); asks the worker to end when its parent is gone.

    timeout_ms: after which the parent takes a worker for hung; it beats five times as often.
    """

    def __init__(self, control: ControlBlock, slot: int, timeout_ms: float) -> None:
        self._control = control
        self._slot = slot
        self._interval_s = timeout_ms / 1_000 / _BEATS_A_TIMEOUT
        self._ended = threading.Event()
        self._threads_stuck: Callable[[bool], bool] | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begins to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self._thread.join()

    def watch(self, threads_stuck: Callable[[bool], bool]) -> None:
        """From now on looks at the threads that serve too. The callable takes whether the process is busy computing."""
        self._threads_stuck = threads_stuck

    def _run(self) -> None:
        parent, cpu_s, now_s = os.getppid(), time.process_time(), time.monotonic()
        while not self._ended.wait(self._interval_s):
            self._control.beat(self._slot)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                parent = os.getppid()
            before_cpu_s, before_s = cpu_s, now_s
            cpu_s, now_s = time.process_time(), time.monotonic()
            busy = cpu_s - before_cpu_s > _BUSY_SHARE * (now_s - before_s)
            if self._threads_stuck is not None and self._threads_stuck(busy):
                self._give_up()
                return

    def _give_up(self) -> None:
        """Says where every thread is, and asks the parent to be killed: a stuck thread cannot be ended from here."""
        log.error("every thread that serves is stuck")
        faulthandler.dump_traceback(sys.stderr, all_threads=True)
        self._control.set_state(self._slot, WorkerState.STUCK)
