"""W3C trace context: what a caller's `traceparent` and `tracestate` say, and what is passed on.

Source: https://www.w3.org/TR/trace-context/ (level 1).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_SAMPLED = 0x01
_TRACESTATE_CHARS_MAX = 512
_FORMAT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class TraceParent:
    """The caller's span. trace_id: 128 bits, span_id: 64 bits, neither 0. state: its tracestate, passed on as it is."""

    trace_id: int
    span_id: int
    sampled: bool
    state: str = ""


def parse_traceparent(text: str, state: str = "") -> TraceParent | None:
    """Returns what the header says; None for one that the standard calls invalid, which is then ignored."""
    found = _FORMAT.fullmatch(text)
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest is not None):
        return None
    trace, span = int(trace_id, 16), int(span_id, 16)
    if not trace or not span:
        return None
    kept_state = state if len(state) <= _TRACESTATE_CHARS_MAX else ""
    return TraceParent(trace, span, bool(int(flags, 16) & _SAMPLED), kept_state)


def format_traceparent(trace_id: int, span_id: int, sampled: bool) -> str:
    """Returns the header's value."""
    return f"00-{trace_id:032x}-{span_id:016x}-{_SAMPLED if sampled else 0:02x}"


def new_trace_id() -> int:
    """Returns 128 random bits, not all 0."""
    return random.getrandbits(128) or 1


def new_span_id() -> int:
    """Returns 64 random bits, not all 0."""
    return random.getrandbits(64) or 1
