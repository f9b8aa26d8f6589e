"""Latency at a fixed rate, each call timed from the moment it was planned (no coordinated omission)."""

from __future__ import annotations

from dataclasses import dataclass

from perf.replay.client import Load, Replayed, replay
from perf.serving.requests import METHOD, LookedAt, look_into

KEEP_EVERY = 10


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds. errors: calls that failed or never ended. lag: how late the generator itself sent.
    answered_rps: the successes within the time; below rps, the server did not keep up."""

    rps: float
    answered_rps: float
    calls: int
    errors: int
    mean_ms: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    lag_p99_ms: float
    generator_cpu: float
    looked_at: LookedAt


def open_loop(
    port: int,
    bodies: list[bytes],
    rps: float,
    seconds: float,
    *,
    warm_up_s: float = 0.0,
    poisson: bool = False,
    first: int = 0,
) -> Latency:
    """Sends a call every 1/rps seconds whatever became of the earlier ones. poisson: rps a second on average."""
    load = Load(seconds, rate=rps, warm_up_s=warm_up_s, poisson=poisson, first=first, keep_every=KEEP_EVERY)
    return as_latency(rps, replay(port, METHOD, bodies, load))


def as_latency(rps: float, seen: Replayed) -> Latency:
    """Returns a run's figures."""
    return Latency(
        rps=rps,
        answered_rps=seen.rps,
        calls=seen.calls,
        errors=seen.errors,
        mean_ms=seen.latency_ms["mean"],
        p50_ms=seen.latency_ms["p50"],
        p99_ms=seen.latency_ms["p99"],
        p999_ms=seen.latency_ms["p999"],
        max_ms=seen.latency_ms["max"],
        lag_p99_ms=seen.lag_ms["p99"],
        generator_cpu=seen.cpu_share,
        looked_at=look_into(seen.replies),
    )
