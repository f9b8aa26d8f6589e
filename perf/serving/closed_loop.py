"""Capacity: a fixed number of calls always in flight, each for the next user."""

from __future__ import annotations

import selectors
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import count

from perf.serving.processes import Running
from perf.serving.requests import METHOD, LookedAt, look_into
from perf.serving.wire import Connection, Finished

CONNECTIONS = 2
CALLS_IN_FLIGHT = 8
"""As many as the server has threads: its core is never idle, and no call waits until stages are left out."""
KEEP_EVERY = 10
WARM_UP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Round:
    """One run. cpu_us: CPU time of all of the server's processes, microseconds a call; a busy machine stretches it far
    less than it does the time of day. generator_cpu: share of its core that the generator used. looked_at: the replies looked into."""

    rps: float
    calls: int
    errors: int
    cpu_us: float
    generator_cpu: float
    looked_at: LookedAt


class _Loop:
    def __init__(self, port: int, bodies: list[bytes]) -> None:
        self._bodies = bodies
        self._numbers = count()
        self._selector = selectors.DefaultSelector()
        self.replies: list[bytes] = []
        self.calls = self.errors = 0
        self.connections = [Connection(port, METHOD, KEEP_EVERY) for _ in range(CONNECTIONS)]
        for connection in self.connections:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            for _ in range(CALLS_IN_FLIGHT // CONNECTIONS):
                self._start(connection)
            connection.flush()

    def _start(self, connection: Connection) -> None:
        number = next(self._numbers)
        connection.start(number, self._bodies[number % len(self._bodies)])

    def run(self, until: float) -> None:
        """Keeps the calls in flight until a time of perf_counter."""
        while time.perf_counter() < until:
            ready = self._selector.select(timeout=5)
            if not ready:
                raise SystemExit("the server has answered nothing for five seconds")
            for key, _ in ready:
                connection: Connection = key.data
                for ended in connection.receive():
                    self._count(ended)
                    self._start(connection)
                connection.flush()

    def _count(self, ended: Finished) -> None:
        self.calls += 1
        self.errors += not ended.ok
        if ended.reply:
            self.replies.append(ended.reply)

    def close(self) -> None:
        self._selector.close()
        for connection in self.connections:
            connection.close()


def closed_loop(server: Running, bodies: list[bytes], seconds: float) -> Round:
    """Returns what the server finished within the time, after a warm-up."""
    with closing(_Loop(server.port, bodies)) as loop:
        loop.run(time.perf_counter() + seconds * WARM_UP_SHARE)
        calls, used_s, server_s = loop.calls, time.process_time(), server.cpu_s()
        started = time.perf_counter()
        loop.run(started + seconds)
        taken_s = time.perf_counter() - started
        finished = loop.calls - calls
        busy = (time.process_time() - used_s) / taken_s
        cpu_us = (server.cpu_s() - server_s) / max(finished, 1) * 1e6
        return Round(finished / taken_s, finished, loop.errors, cpu_us, busy, look_into(loop.replies))
