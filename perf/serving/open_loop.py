"""Latency at a fixed rate, each call timed from the moment it was planned (no coordinated omission)."""

from __future__ import annotations

import select
import time
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from perf.serving.requests import METHOD, LookedAt, look_into
from perf.serving.wire import Connection

KEEP_EVERY = 10
SPIN_S = 200e-6
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds. errors: calls that failed or never ended. lag: how late the generator itself sent."""

    rps: float
    calls: int
    errors: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    lag_p99_ms: float
    generator_cpu: float
    looked_at: LookedAt


class _Schedule:
    """What was planned, sent and ended, in seconds of perf_counter; NaN until it happened."""

    def __init__(self, rps: float, calls: int) -> None:
        self.planned = np.arange(calls) / rps + time.perf_counter() + 0.05
        self.sent, self.ended = np.full(calls, np.nan), np.full(calls, np.nan)
        self.replies: list[bytes] = []
        self.finished = self.next = 0

    def send_due(self, connection: Connection, bodies: list[bytes]) -> float:
        """Sends what is due; returns the seconds until the next call is."""
        now = time.perf_counter()
        while self.next < len(self.planned) and self.planned[self.next] <= now:
            connection.start(self.next, bodies[self.next % len(bodies)])
            self.sent[self.next] = now
            self.next += 1
        connection.flush()
        return float(self.planned[self.next]) - now if self.next < len(self.planned) else PATIENCE_S

    def receive(self, connection: Connection, wait_s: float) -> None:
        """Waits for replies, but no longer than until the next call is due; the last moments are spent awake."""
        if not select.select([connection.socket], [], [], max(wait_s - SPIN_S, 0))[0]:
            return
        for done in connection.receive():
            self.finished += 1
            if done.ok:
                self.ended[done.call] = time.perf_counter()
            if done.reply:
                self.replies.append(done.reply)


def open_loop(port: int, bodies: list[bytes], rps: float, seconds: float) -> Latency:
    """Sends a call every 1/rps seconds whatever became of the earlier ones."""
    plan = _Schedule(rps, max(1, int(rps * seconds)))
    used_s, started = time.process_time(), time.perf_counter()
    with closing(Connection(port, METHOD, KEEP_EVERY)) as connection:
        while plan.finished < len(plan.planned) and time.perf_counter() < plan.planned[-1] + PATIENCE_S:
            plan.receive(connection, plan.send_due(connection, bodies))
    busy = (time.process_time() - used_s) / (time.perf_counter() - started)
    latency_ms = (plan.ended - plan.planned)[~np.isnan(plan.ended)] * 1e3
    p50, p99, p999 = (float(p) for p in np.percentile(latency_ms, [50, 99, 99.9]))
    return Latency(
        rps=rps,
        calls=len(plan.planned),
        errors=int(np.isnan(plan.ended).sum()),
        p50_ms=p50,
        p99_ms=p99,
        p999_ms=p999,
        lag_p99_ms=float(np.nanpercentile(plan.sent - plan.planned, 99) * 1e3),
        generator_cpu=busy,
        looked_at=look_into(plan.replies),
    )
