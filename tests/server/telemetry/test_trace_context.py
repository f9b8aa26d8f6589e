"""W3C trace context, as the standard's own examples have it."""

from __future__ import annotations

import pytest

from server.telemetry.trace_context import format_traceparent, parse_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_header_is_read_and_written_back() -> None:
    text = f"00-{TRACE}-{SPAN}-01"
    parent = parse_traceparent(text, "vendor=1")
    assert parent is not None
    assert (f"{parent.trace_id:032x}", f"{parent.span_id:016x}") == (TRACE, SPAN)
    assert parent.sampled
    assert parent.state == "vendor=1"
    assert format_traceparent(parent.trace_id, parent.span_id, parent.sampled) == text


def test_flags_but_the_sampled_one_are_not_ours() -> None:
    for flags, sampled in (("00", False), ("02", False), ("03", True), ("ff", True)):
        parent = parse_traceparent(f"00-{TRACE}-{SPAN}-{flags}")
        assert parent is not None
        assert parent.sampled is sampled


def test_later_version_may_say_more() -> None:
    assert parse_traceparent(f"01-{TRACE}-{SPAN}-01-more") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
    ],
)
def test_invalid_header_is_no_parent(text: str) -> None:
    assert parse_traceparent(text) is None


def test_long_tracestate_is_not_passed_on() -> None:
    parent = parse_traceparent(f"00-{TRACE}-{SPAN}-01", "v=" + "x" * 600)
    assert parent is not None
    assert parent.state == ""
