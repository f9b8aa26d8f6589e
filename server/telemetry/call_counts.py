"""Counts calls and answers as they end, and stages a moment later."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping

from server.telemetry.call import Answer, Call
from server.telemetry.families import ANSWERS, CALLS, DEGRADED, SHORT
from server.telemetry.stage_counts import StageCounts
from server.telemetry.worker_metrics import Counter, Histogram, WorkerMetrics

_LOG = logging.getLogger(__name__)


class CallCounts:
    """What a client can count as well is counted before its reply is sent, and so survives a worker that is killed.

    The stages' stamps are counted by a thread of their own, interval_s later at most. queue_max: answers whose stages
    wait to be counted; those above it are only counted in `dropped`.
    """

    def __init__(
        self,
        metrics: WorkerMetrics,
        budgets_s: Mapping[str, float],
        *,
        queue_max: int,
        interval_s: float = 0.1,
    ) -> None:
        self._metrics = metrics
        self._stages = StageCounts(metrics, budgets_s)
        self._queue_max = queue_max
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, str], Histogram] = {}
        self._answers: dict[tuple[str, bool], Counter] = {}
        self._reasons: dict[str, Counter] = {}
        self._empty = metrics.counter(SHORT, "none")
        self._short = metrics.counter(SHORT, "some")
        self._queue: deque[Answer] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def start(self) -> None:
        """Starts the thread that counts stages and reads what is polled."""
        self._thread = threading.Thread(target=self._work, name="metrics", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Counts what waits and ends the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def count(self, call: Call, code: str, duration_s: float) -> None:
        """Counts a call that has ended."""
        with self._lock:
            histogram = self._calls.get((call.method, code))
            if histogram is None:
                histogram = self._metrics.histogram(CALLS, call.method, code)
                self._calls[call.method, code] = histogram
            histogram.observe(duration_s)
            for answer in call.answers:
                self._count_answer(answer)

    def _count_answer(self, answer: Answer) -> None:
        key = (answer.served_by, bool(answer.degraded))
        counter = self._answers.get(key)
        if counter is None:
            degraded = "true" if key[1] else "false"
            counter = self._answers[key] = self._metrics.counter(ANSWERS, answer.served_by, degraded)
        counter.add()
        for reason in answer.degraded:
            if reason not in self._reasons:
                self._reasons[reason] = self._metrics.counter(DEGRADED, reason)
            self._reasons[reason].add()
        if answer.items < answer.wanted:
            (self._short if answer.items else self._empty).add()
        if len(self._queue) < self._queue_max:
            self._queue.append(answer)
        else:
            self.dropped += 1

    def _work(self) -> None:
        while not self._stopping.wait(self._interval_s):
            self._count_waiting()
        self._count_waiting()

    def _count_waiting(self) -> None:
        try:
            self._stages.count([self._queue.popleft() for _ in range(len(self._queue))])
        except Exception:
            _LOG.exception("stages could not be counted")
        self._metrics.poll()
