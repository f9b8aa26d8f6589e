"""One worker's series: counted in its slot of the metrics file."""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.telemetry.families import BOUNDS_S, Family
from server.telemetry.metric_file import SCRAP_WORDS, SLOT_WORDS, MetricFile

_LOG = logging.getLogger(__name__)
_SUM_AT = len(BOUNDS_S) + 1


@dataclass(frozen=True, slots=True)
class Counter:
    """Only grows. One writer at a time: adding is a read and a write."""

    words: memoryview[int]

    def add(self, count: int = 1) -> None:
        """Adds to the count."""
        self.words[0] += count


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by size, in the buckets of BOUNDS_S. One writer at a time, as a counter."""

    words: memoryview[int]
    total: memoryview[float]

    def observe(self, seconds: float) -> None:
        """Counts one more."""
        self.words[bisect_left(BOUNDS_S, seconds)] += 1
        self.total[0] += seconds


@dataclass(frozen=True, slots=True)
class Gauge:
    """Holds the last value that it was given."""

    words: memoryview[float]

    def set(self, value: float) -> None:
        """Sets the value."""
        self.words[0] = value


class WorkerMetrics:
    """Gives out the series of one slot, each once. Threads share it; a series itself has one writer at a time.

    Where the file has no room for a series, it is written where nobody reads; that is logged.
    """

    def __init__(self, file: MetricFile, slot: int) -> None:
        self._file = file
        self._slot = file.slot_words(slot)
        self._lock = threading.Lock()
        self._places: dict[str, int] = {}
        self._polled: list[Callable[[], None]] = []

    def counter(self, family: Family, *labels: str) -> Counter:
        """Returns a counter."""
        return Counter(self._words(family, labels))

    def histogram(self, family: Family, *labels: str) -> Histogram:
        """Returns a histogram."""
        words = self._words(family, labels)
        return Histogram(words, _as_floats(words[_SUM_AT:]))

    def gauge(self, family: Family, *labels: str) -> Gauge:
        """Returns a gauge."""
        return Gauge(_as_floats(self._words(family, labels)))

    def poll_gauge(self, read: Callable[[], float], family: Family, *labels: str) -> None:
        """Keeps a gauge at what `read` returns. The hook for breakers and queues: read is quick and takes no lock."""
        gauge = self.gauge(family, *labels)
        self._polled.append(lambda: gauge.set(read()))

    def poll_counter(self, read: Callable[[], int], family: Family, *labels: str) -> None:
        """Keeps a counter at what `read` has counted in this process, on top of what its predecessors had."""
        words = self._words(family, labels)
        before = words[0]

        def update() -> None:
            words[0] = before + read()

        self._polled.append(update)

    def poll(self) -> None:
        """Reads all that is polled; what fails keeps its value."""
        for update in self._polled:
            try:
                update()
            except Exception:
                _LOG.exception("a metric could not be read")

    def place(self, family: Family, *labels: str) -> int:
        """Returns the number of a series' first word in the slot; as_arrays() holds it."""
        key = family.key(labels)
        with self._lock:
            at = self._places.get(key)
            if at is None:
                at = self._file.register(key, family.kind.width)
                if at is None:
                    _LOG.error("the metrics file has no room for %s", family.name)
                    at = SLOT_WORDS - SCRAP_WORDS
                self._places[key] = at
            return at

    def as_arrays(self) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """Returns the slot twice, as whole numbers and as floats, for those who count much at once."""
        return np.frombuffer(self._slot, np.uint64), np.frombuffer(self._slot, np.float64)

    def _words(self, family: Family, labels: tuple[str, ...]) -> memoryview[int]:
        at = self.place(family, *labels)
        return self._slot[at : at + family.kind.width]


def _as_floats(words: memoryview[int]) -> memoryview[float]:
    return words.cast("B").cast("d")
