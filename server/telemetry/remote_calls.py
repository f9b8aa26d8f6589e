"""The hook of those who call other servers: a stamp a call, which becomes a client span where the trace is kept."""

from __future__ import annotations

import time
from collections.abc import Mapping

from server.telemetry.call import current_call
from server.telemetry.remote_call import RemoteCall
from server.telemetry.trace_context import TRACEPARENT, TRACESTATE, format_traceparent, new_span_id

REMOTE_CALLS_MAX = 64
"""Remote calls that one request's trace shows; more are made and not shown."""


def begin_remote_call(name: str, attributes: Mapping[str, str | int | float | bool]) -> RemoteCall:
    """Returns the stamp of a call that begins now, on the thread of its request; end() ends it.

    Outside of a request it is a stamp that nobody reads, so that a caller need not know where it runs.
    """
    call = current_call()
    now_ns = time.monotonic_ns()
    if call is None or len(call.remote_calls) >= REMOTE_CALLS_MAX:
        return RemoteCall(name, attributes, 0, {}, now_ns)
    span_id = new_span_id()
    headers = {TRACEPARENT: format_traceparent(call.trace_id, span_id, call.sampled)}
    parent = call.parent
    if parent is not None and parent.state:
        headers[TRACESTATE] = parent.state
    stamp = RemoteCall(name, attributes, span_id, headers, now_ns)
    call.remote_calls += (stamp,)
    return stamp
