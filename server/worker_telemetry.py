"""One worker's telemetry, put together: what calls are told to, and the threads behind it."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

from server.telemetry.keeping import KeepValues, TraceKeeper
from server.telemetry.request_telemetry import RequestTelemetry
from server.telemetry.trace_exporter import ExportValues, TraceExporter

_STOP_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class TraceValues:
    """Where traces go and which are kept. url: empty = none are made."""

    url: str
    service_name: str
    timeout_s: float
    keep: KeepValues
    export: ExportValues


class WorkerTelemetry:
    """Owns the worker's telemetry from its start to its end."""

    def __init__(self, traces: TraceValues) -> None:
        self.exporter = _exporter(traces) if traces.url else None
        keeper = TraceKeeper(traces.keep, time.monotonic) if traces.url else None
        self.requests = RequestTelemetry(None, keeper, self.exporter)

    def start(self) -> None:
        """Starts the threads."""
        if self.exporter is not None:
            self.exporter.start()

    def stop(self) -> None:
        """Sends what waits, as far as a second suffices, and ends the threads."""
        if self.exporter is not None:
            self.exporter.stop(_STOP_TIMEOUT_S)


def _exporter(traces: TraceValues) -> TraceExporter:
    # Imported where traces are on: the SDK and its HTTP client are a third of a worker's imports.
    from server.telemetry.otlp_sender import OtlpSender

    resource = {
        "service.name": traces.service_name,
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    return TraceExporter(OtlpSender(traces.url, traces.timeout_s, resource), traces.export)
