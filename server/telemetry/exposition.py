"""All workers' series as one, in the text that Prometheus reads; served by the parent, which outlives its workers."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import HTTPServer
from threading import Thread

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from server.telemetry.families import BOUNDS_S, FAMILIES, KEY_SEPARATOR, Family, Kind
from server.telemetry.metric_file import MetricFile, SeriesEntry

_LE = (*(str(bound) for bound in BOUNDS_S), "+Inf")


class WorkersCollector(Collector):
    """Reads the metrics file at each scrape.

    live_slots: slots that hold a worker now; counts are added up over all slots, gauges over these. now_s: epoch
    seconds.
    """

    def __init__(
        self,
        file: MetricFile,
        live_slots: Callable[[], Sequence[int]],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._slots = [file.slot_words(slot) for slot in range(file.slots)]
        self._file = file
        self._live_slots = live_slots
        self._now_s = now_s

    def collect(self) -> Iterator[Metric]:
        """Yields every family that has a series."""
        by_family: dict[str, list[SeriesEntry]] = {}
        for entry in self._file.series():
            by_family.setdefault(entry.key.split(KEY_SEPARATOR, 1)[0], []).append(entry)
        live = [self._slots[slot] for slot in self._live_slots()]
        yield _workers(len(live))
        for name, entries in by_family.items():
            if name in FAMILIES:
                yield self._metric(FAMILIES[name], entries, live)

    def _metric(
        self, family: Family, entries: Sequence[SeriesEntry], live: Sequence[memoryview[int]]
    ) -> Metric:
        if family.kind is Kind.HISTOGRAM:
            return self._histogram(family, entries)
        if family.kind is Kind.COUNTER:
            counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
            for entry in entries:
                counter.add_metric(_labels(entry), sum(words[entry.at] for words in self._slots))
            return counter
        gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
        for entry in entries:
            values = [_as_float(words[entry.at]) for words in live]
            gauge.add_metric(_labels(entry), self._combined(family.kind, values))
        return gauge

    def _histogram(self, family: Family, entries: Sequence[SeriesEntry]) -> Metric:
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        for entry in entries:
            total, buckets, at_most = 0.0, [], 0
            for words in self._slots:
                total += _as_float(words[entry.at + entry.width - 1])
            for number, bound in enumerate(_LE):
                at_most += sum(words[entry.at + number] for words in self._slots)
                buckets.append((bound, float(at_most)))
            histogram.add_metric(_labels(entry), buckets, total)
        return histogram

    def _combined(self, kind: Kind, values: Sequence[float]) -> float:
        if kind is Kind.GAUGE_SUM:
            return sum(values)
        if kind is Kind.GAUGE_MAX:
            return max(values, default=0.0)
        known = [value for value in values if value > 0]
        return max(0.0, self._now_s() - min(known)) if known else float("nan")


class MetricsEndpoint:
    """Answers Prometheus over HTTP on threads of its own."""

    def __init__(self, collector: Collector, host: str, port: int) -> None:
        """Listens; port 0 takes a free one. Raises OSError where the port cannot be bound."""
        registry = CollectorRegistry()
        registry.register(collector)
        self._server: HTTPServer
        self._thread: Thread
        self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Listens no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _workers(count: int) -> Metric:
    return GaugeMetricFamily("shortlist_workers", "Worker processes that are running.", value=count)


def _labels(entry: SeriesEntry) -> list[str]:
    return entry.key.split(KEY_SEPARATOR)[1:]


def _as_float(word: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<Q", word))[0]
    return value
