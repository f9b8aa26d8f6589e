"""OTLP over HTTP. OTLP over gRPC would share gRPC's poller, and its fork hazards, with the server itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult

from server.telemetry.kept_call import KeptCall
from server.telemetry.spans import spans_of


class OtlpSender:
    """Sends to one collector. Made in the process that uses it, never before a fork.

    url: with its path, such as http://127.0.0.1:4318/v1/traces. Headers, such as a token, are read from the
    environment as OTEL_EXPORTER_OTLP_TRACES_HEADERS, so that no settings file holds one. timeout_s: of a batch with
    all of its tries.
    """

    def __init__(self, url: str, timeout_s: float, resource: Mapping[str, str]) -> None:
        # It would log every try; the exporter's thread tells of a failing collector once a minute.
        logging.getLogger("opentelemetry.exporter.otlp").setLevel(logging.CRITICAL)
        self._exporter = OTLPSpanExporter(endpoint=url, timeout=timeout_s)
        self._resource = Resource(dict(resource))

    def send(self, calls: Sequence[KeptCall]) -> bool:
        """Returns whether the collector took the spans of all calls."""
        spans = [span for call in calls for span in spans_of(call, self._resource)]
        return self._exporter.export(spans) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Ends a send() that waits between two tries."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
