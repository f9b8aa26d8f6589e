"""The queue before the collector: bounded, never in the way, and honest about what it lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import pytest

from server.telemetry.call import Call
from server.telemetry.kept_call import KeptCall, keep_call
from server.telemetry.trace_exporter import ExportValues, TraceExporter
from tests.support.waiting import wait_until

QUICK = ExportValues(queue_max=10, batch_max=4, interval_s=0.01, pause_max_s=0.02)


class Sender:
    """A collector that fails, or holds its caller, as a test says."""

    def __init__(self) -> None:
        self.taken: list[KeptCall] = []
        self.works = True
        self.error: Exception | None = None
        self.free = threading.Event()
        self.free.set()
        self.closed = False

    def send(self, calls: Sequence[KeptCall]) -> bool:
        self.free.wait(10)
        if self.error is not None:
            raise self.error
        if self.works:
            self.taken.extend(calls)
        return self.works

    def close(self) -> None:
        self.closed = True
        self.free.set()


def kept(number: int = 0) -> KeptCall:
    return keep_call(Call(f"a/{number}", 0.0, True), "OK", "sampled", 1.0)


def test_traces_reach_the_collector_in_order_and_in_batches() -> None:
    sender = Sender()
    exporter = TraceExporter(sender, QUICK)
    calls = [kept(number) for number in range(9)]
    assert all(exporter.submit(call) for call in calls)
    exporter.start()
    wait_until(lambda: exporter.sent == 9)
    assert exporter.stop(5)
    assert sender.taken == calls
    assert (exporter.dropped, sender.closed) == (0, True)


def test_full_queue_drops_and_counts_and_never_waits() -> None:
    exporter = TraceExporter(Sender(), QUICK)
    assert [exporter.submit(kept()) for _ in range(13)] == [True] * 10 + [False] * 3
    assert (exporter.waiting, exporter.dropped) == (10, 3)


def test_collector_that_hangs_holds_nobody_up() -> None:
    sender = Sender()
    sender.free.clear()
    exporter = TraceExporter(sender, QUICK)
    exporter.start()
    for _ in range(100):
        exporter.submit(kept())
    assert exporter.dropped >= 100 - QUICK.queue_max - QUICK.batch_max
    assert not exporter.stop(0.05)
    assert sender.closed


def test_failing_collector_is_counted_logged_once_a_minute_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sender = Sender()
    sender.works = False
    exporter = TraceExporter(sender, QUICK)
    exporter.start()
    try:
        with caplog.at_level(logging.WARNING):
            for number in range(3):
                exporter.submit(kept())
                wait_until(lambda lost=number: exporter.dropped == lost + 1)  # type: ignore[misc]
        assert len([line for line in caplog.messages if "takes nothing" in line]) == 1
        sender.works = True
        exporter.submit(kept())
        wait_until(lambda: exporter.sent == 1)
    finally:
        exporter.stop(5)


def test_trace_that_cannot_be_made_is_counted_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    sender = Sender()
    sender.error = TypeError("no span")
    exporter = TraceExporter(sender, QUICK)
    exporter.start()
    try:
        exporter.submit(kept())
        wait_until(lambda: exporter.dropped == 1)
        sender.error = None
        exporter.submit(kept())
        wait_until(lambda: exporter.sent == 1)
    finally:
        exporter.stop(5)
