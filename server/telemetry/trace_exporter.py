"""Sends kept traces from a thread of its own: a collector that is slow, stopped or gone costs traces, never a request."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from server.telemetry.kept_call import KeptCall

_LOG = logging.getLogger(__name__)


class TraceSender(Protocol):
    """What turns kept calls into spans and hands them to a collector."""

    def send(self, calls: Sequence[KeptCall]) -> bool:
        """Returns whether the collector took them; bounded in time."""
        ...

    def close(self) -> None:
        """Ends a send() that waits, and takes no more."""
        ...


@dataclass(frozen=True, slots=True)
class ExportValues:
    """queue_max: traces that wait at most. batch_max: sent at once. interval_s: how long a trace waits for others.

    pause_max_s: after a failure the pause doubles up to this. complain_s: a failing collector is logged so often.
    """

    queue_max: int
    batch_max: int = 64
    interval_s: float = 0.5
    pause_max_s: float = 10.0
    complain_s: float = 60.0


class TraceExporter:
    """A bounded queue and the thread that empties it. dropped: traces that were kept and never reached a collector."""

    def __init__(
        self, sender: TraceSender, values: ExportValues, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sender = sender
        self._values = values
        self._clock = clock
        self._queue: deque[KeptCall] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pause_s = values.interval_s
        self._complained_s = float("-inf")
        self.sent = 0
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """The number of traces that wait to be sent."""
        return len(self._queue)

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._work, name="trace-exporter", daemon=True)
        self._thread.start()

    def submit(self, call: KeptCall) -> bool:
        """Queues a trace without ever waiting; returns False where the queue is full or the exporter stops."""
        if len(self._queue) >= self._values.queue_max or self._stopping.is_set():
            self.dropped += 1
            return False
        self._queue.append(call)
        return True

    def stop(self, timeout_s: float) -> bool:
        """Sends what waits, for at most timeout_s, and ends the thread; returns whether all of it was in time.

        A collector that took nothing of late is not waited for: its traces must not hold up the end of a server.
        """
        self._stopping.set()
        if self._thread is not None and self._pause_s <= self._values.interval_s:
            self._thread.join(timeout_s)
        self._sender.close()
        return not self._queue

    def _work(self) -> None:
        while not self._stopping.wait(self._pause_s):
            self._send_waiting()
        self._send_waiting()

    def _send_waiting(self) -> None:
        """Sends until the queue is empty or the collector fails."""
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(self._values.batch_max, len(self._queue)))]
            if not self._sent(batch):
                self.dropped += len(batch)
                self._pause_s = min(self._pause_s * 2, self._values.pause_max_s)
                self._complain()
                return
            self.sent += len(batch)
            self._pause_s = self._values.interval_s

    def _sent(self, batch: Sequence[KeptCall]) -> bool:
        try:
            return self._sender.send(batch)
        except Exception:
            _LOG.exception("traces could not be made")
            return False

    def _complain(self) -> None:
        now_s = self._clock()
        if now_s - self._complained_s >= self._values.complain_s:
            self._complained_s = now_s
            _LOG.warning("the trace collector takes nothing; %d traces dropped so far", self.dropped)
