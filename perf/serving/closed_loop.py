"""Capacity: a fixed number of calls always in flight, each for the next user."""

from __future__ import annotations

from dataclasses import dataclass

from perf.replay.client import Load, replay
from perf.serving.processes import Running
from perf.serving.requests import METHOD, LookedAt, look_into

CONNECTIONS = 2
CALLS_IN_FLIGHT = 8
"""As many as the server has threads: its core is never idle, and no call waits until stages are left out."""
KEEP_EVERY = 10
WARM_UP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Round:
    """One run. cpu_us: CPU time of all of the server's processes, microseconds a call; a busy machine stretches it far
    less than it does the time of day; 0 where the server's process is not known. generator_cpu: share of its core that
    the generator used. looked_at: the replies looked into."""

    rps: float
    calls: int
    errors: int
    cpu_us: float
    generator_cpu: float
    looked_at: LookedAt


def closed_loop(
    server: Running, bodies: list[bytes], seconds: float, first: int = 0, in_flight: int = CALLS_IN_FLIGHT
) -> Round:
    """Returns what the server finished within the time, after a warm-up. first: the body to begin with."""
    load = Load(seconds * WARM_UP_SHARE, in_flight=in_flight, connections=CONNECTIONS, first=first)
    warm = replay(server.port, METHOD, bodies, load)
    used_s = server.cpu_s()
    load = Load(
        seconds,
        in_flight=in_flight,
        connections=CONNECTIONS,
        first=first + warm.calls,
        keep_every=KEEP_EVERY,
    )
    seen = replay(server.port, METHOD, bodies, load)
    cpu_us = (server.cpu_s() - used_s) / max(seen.calls, 1) * 1e6
    return Round(
        seen.rps, seen.calls, warm.errors + seen.errors, cpu_us, seen.cpu_share, look_into(seen.replies)
    )
