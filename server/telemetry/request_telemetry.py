"""What the gRPC layer calls at a call's start and end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from server.telemetry.call import CURRENT, Call
from server.telemetry.keeping import KEEP_REASONS, TraceKeeper
from server.telemetry.kept_call import keep_call
from server.telemetry.trace_context import TRACEPARENT, TRACESTATE, parse_traceparent
from server.telemetry.trace_exporter import TraceExporter

Metadata = Iterable[tuple[str, str | bytes]]


class CallCounts(Protocol):
    """What counts calls as they end."""

    def count(self, call: Call, code: str, duration_s: float) -> None:
        """Counts a call; quick, and thread-safe."""
        ...


class RequestTelemetry:
    """Stamps calls, counts them, and hands on the few whose trace is kept. Threads share it.

    keeper, exporter: None = no traces. kept: traces by reason; refused_by_rate: those that the rate let go. clock: monotonic seconds, that of the stages' stamps.
    """

    def __init__(
        self,
        counts: CallCounts | None,
        keeper: TraceKeeper | None,
        exporter: TraceExporter | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counts = counts
        self._keeper = keeper
        self._exporter = exporter
        self._clock = clock
        self.refused_by_rate = 0
        self.kept = dict.fromkeys(KEEP_REASONS, 0)

    def begin(self, method: str, metadata: Metadata) -> Call:
        """Returns the call that begins in this context. method: full name without the leading slash."""
        traceparent = tracestate = ""
        for key, value in metadata:
            if key == TRACEPARENT:
                traceparent = str(value)
            elif key == TRACESTATE:
                tracestate = str(value)
        sampled = self._keeper is not None and self._samples(traceparent)
        call = Call(method, self._clock(), sampled, traceparent, tracestate)
        CURRENT.set(call)
        return call

    def end(self, call: Call, code: str) -> str:
        """Counts the call; returns the trace's id, 32 hexadecimal digits, where it is kept, and otherwise nothing.

        code: the status' name, such as OK.
        """
        ended_s = self._clock()
        duration_s = ended_s - call.started_s
        if self._counts is not None:
            self._counts.count(call, code, duration_s)
        if self._keeper is None or self._exporter is None:
            return ""
        reason = self._keeper.reason_to_keep(call, code, duration_s)
        if not reason:
            return ""
        if not self._keeper.admits(code):
            self.refused_by_rate += 1
            return ""
        if not self._exporter.submit(keep_call(call, code, reason, ended_s)):
            return ""
        self.kept[reason] += 1
        return f"{call.trace_id:032x}"

    def _samples(self, traceparent: str) -> bool:
        """Returns the caller's decision, or else the sampler's."""
        assert self._keeper is not None
        if not traceparent:
            return self._keeper.samples()
        if traceparent.endswith("-00"):
            return False
        parent = parse_traceparent(traceparent)
        return self._keeper.samples() if parent is None else parent.sampled
