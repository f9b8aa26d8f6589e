"""Latency at a fixed rate, each call timed from the moment it was planned (no coordinated omission)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import grpc
import numpy as np

from perf.serving.requests import raw_call


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds; lag is how late the generator itself was at its 99th percentile."""

    rps: float
    calls: int
    errors: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    lag_p99_ms: float


def open_loop(port: int, bodies: list[bytes], rps: float, seconds: float) -> Latency:
    """Sends a call every 1/rps seconds whatever became of the earlier ones."""
    count = int(rps * seconds)
    ended = np.full(count, np.nan)
    lag = np.zeros(count)
    left = threading.Semaphore(0)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = raw_call(channel)
        start = time.perf_counter() + 0.05
        for i in range(count):
            planned = start + i / rps
            while (now := time.perf_counter()) < planned:
                time.sleep(max(planned - now - 1e-4, 0))
            lag[i] = now - planned
            future = call.future(bodies[i % len(bodies)], timeout=5)
            future.add_done_callback(lambda done, i=i: _finish(done, ended, i, left))
        for _ in range(count):
            left.acquire(timeout=10)
    planned_at = start + np.arange(count) / rps
    latency_ms = (ended - planned_at)[~np.isnan(ended)] * 1e3
    p50, p99, p999 = np.percentile(latency_ms, [50, 99, 99.9])
    errors = int(np.isnan(ended).sum())
    return Latency(rps, count, errors, p50, p99, p999, float(np.percentile(lag, 99) * 1e3))


def _finish(done: grpc.Future, ended: np.ndarray, i: int, left: threading.Semaphore) -> None:
    if done.exception() is None:
        ended[i] = time.perf_counter()
    left.release()
