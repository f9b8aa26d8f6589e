"""One worker's telemetry, put together: what calls are told to, and the threads behind it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from server.telemetry.call_counts import CallCounts
from server.telemetry.families import (
    BREAKERS,
    DROPPED,
    FEATURES_AGE,
    QUEUES,
    RELEASE_AGE,
    REMEMBERED,
    TRACES,
)
from server.telemetry.keeping import KEEP_REASONS, KeepValues, TraceKeeper
from server.telemetry.metric_file import MetricFile
from server.telemetry.request_telemetry import RequestTelemetry
from server.telemetry.trace_exporter import ExportValues, TraceExporter
from server.telemetry.worker_metrics import WorkerMetrics

_STOP_TIMEOUT_S = 0.5


@dataclass(frozen=True, slots=True)
class TraceValues:
    """Where traces go and which are kept. url: empty = none are made."""

    url: str
    service_name: str
    timeout_s: float
    keep: KeepValues
    export: ExportValues


@dataclass(frozen=True, slots=True)
class MetricValues:
    """Where this worker counts. budgets_s: of the groups of stages, by name. queue_max: answers to be counted."""

    path: Path
    slot: int
    budgets_s: Mapping[str, float]
    queue_max: int


class WorkerTelemetry:
    """Owns the worker's telemetry from its start to its end.

    metrics: where other parts have their breakers and queues polled, before start().
    """

    def __init__(self, traces: TraceValues, metrics: MetricValues) -> None:
        self.exporter = _exporter(traces) if traces.url else None
        self.metrics = WorkerMetrics(MetricFile(metrics.path), metrics.slot)
        self._counts = CallCounts(self.metrics, metrics.budgets_s, queue_max=metrics.queue_max)
        keeper = TraceKeeper(traces.keep, time.monotonic) if traces.url else None
        self.requests = RequestTelemetry(self._counts, keeper, self.exporter)
        self._poll_own()

    def poll_release(self, made_s: Callable[[], float], events_until_s: Callable[[], float]) -> None:
        """Follows the release: when it was made, and until when it knows events; epoch seconds, 0 = unknown."""
        self.metrics.poll_gauge(made_s, RELEASE_AGE)
        self.metrics.poll_gauge(events_until_s, FEATURES_AGE)

    def poll_queue(self, name: str, waiting: Callable[[], int]) -> None:
        """Follows a queue's length."""
        self.metrics.poll_gauge(waiting, QUEUES, name)

    def poll_breaker(self, dependency: str, state: Callable[[], int]) -> None:
        """Follows the state of a dependency's circuit breaker, a BreakerState."""
        self.metrics.poll_gauge(state, BREAKERS, dependency)

    def poll_remembered(self, hits: Callable[[], int], misses: Callable[[], int]) -> None:
        """Follows how often a user's features and lists were at hand, and how often not."""
        self.metrics.poll_counter(hits, REMEMBERED, "hit")
        self.metrics.poll_counter(misses, REMEMBERED, "miss")

    def poll_dropped(self, what: str, dropped: Callable[[], int]) -> None:
        """Follows a count of what was let go."""
        self.metrics.poll_counter(dropped, DROPPED, what)

    def start(self) -> None:
        """Starts the threads."""
        self._counts.start()
        if self.exporter is not None:
            self.exporter.start()

    def stop(self) -> None:
        """Counts and sends what waits, as far as half a second each suffices, and ends the threads."""
        if self.exporter is not None:
            self.exporter.stop(_STOP_TIMEOUT_S)
        self._counts.stop(_STOP_TIMEOUT_S)

    def _poll_own(self) -> None:
        self.poll_dropped("stage_counts", lambda: self._counts.dropped)
        exporter = self.exporter
        if exporter is None:
            return
        self.poll_queue("traces", lambda: exporter.waiting)
        self.poll_dropped("traces_unsent", lambda: exporter.dropped)
        self.poll_dropped("traces_over_rate", lambda: self.requests.refused_by_rate)
        for reason in KEEP_REASONS:
            self.metrics.poll_counter(partial(self.requests.kept.__getitem__, reason), TRACES, reason)


def _exporter(traces: TraceValues) -> TraceExporter:
    # Imported where traces are on: the SDK and its HTTP client are a third of a worker's imports.
    from server.telemetry.otlp_sender import OtlpSender

    resource = {
        "service.name": traces.service_name,
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    return TraceExporter(OtlpSender(traces.url, traces.timeout_s, resource), traces.export)
