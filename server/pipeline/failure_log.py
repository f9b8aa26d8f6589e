"""Counts what failed, and logs it without flooding the log."""

from __future__ import annotations

import logging
import threading
from collections import Counter

from server.pipeline.budget import Clock
from server.pipeline.query import Query, StageRecord

_logger = logging.getLogger(__name__)


class FailureLog:
    """Counts failures by (stage, error type); the same one is logged, with its traceback, once an interval.

    clock: monotonic seconds.
    """

    def __init__(self, clock: Clock, interval_s: float = 10.0) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._logged_s: dict[tuple[str, str], float] = {}
        self.counts: Counter[tuple[str, str]] = Counter()

    def report(self, query: Query) -> None:
        """Counts and logs the failed and late stages of a request."""
        for record in query.records:
            if record.error is not None or record.late:
                self._report(record)

    def _report(self, record: StageRecord) -> None:
        key = (record.stage, "Late" if record.late else type(record.error).__name__)
        now_s = self._clock()
        with self._lock:
            self.counts[key] += 1
            count = self.counts[key]
            last_s = self._logged_s.get(key)
            if last_s is not None and now_s - last_s < self._interval_s:
                return
            self._logged_s[key] = now_s
        _logger.warning("stage %s: %s (%d so far)", *key, count, exc_info=record.error)
