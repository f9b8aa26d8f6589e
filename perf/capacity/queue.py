"""M/G/c and D/G/c by simulation: calls that come by chance or evenly to cores, each costing what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Wait:
    """Milliseconds from a call's arrival to its end."""

    mean_ms: float
    p50_ms: float
    p99_ms: float


def sojourns(
    arrivals: NDArray[np.float64], services: NDArray[np.float64], servers: int
) -> NDArray[np.float64]:
    """Returns each call's time from arrival to end, first come first served, in the unit of the arguments.

    One server: Lindley's recursion in closed form. More: each call takes the server that is free first.
    """
    if servers == 1:
        finished_work = np.cumsum(services)
        idle = np.maximum.accumulate(arrivals - (finished_work - services))
        return np.asarray(idle + finished_work - arrivals)
    free = np.zeros(servers)
    ends = np.empty(len(arrivals))
    for number, (arrival, service) in enumerate(zip(arrivals, services, strict=True)):
        which = int(free.argmin())
        ends[number] = free[which] = max(arrival, free[which]) + service
    return ends - arrivals


def simulate(
    rps: float,
    service_us: NDArray[np.float64],
    servers: int = 1,
    calls: int = 200_000,
    seed: int = 7,
    evenly: bool = False,
) -> Wait:
    """Returns what calls wait, their services drawn from service_us. They come by chance, rps a second, or evenly."""
    rng = np.random.default_rng(seed)
    gaps = np.full(calls, 1e6 / rps) if evenly else rng.exponential(1e6 / rps, calls)
    arrivals = np.cumsum(gaps)
    waits = sojourns(arrivals, rng.choice(service_us, calls), servers)[calls // 10 :] / 1e3
    p50, p99 = (float(point) for point in np.percentile(waits, [50, 99]))
    return Wait(float(waits.mean()), p50, p99)


def services(mean_us: float, variation: float, count: int = 50_000, seed: int = 7) -> NDArray[np.float64]:
    """Returns service times by a gamma law with a mean and a coefficient of variation above 0."""
    shape = 1 / variation**2
    return np.random.default_rng(seed).gamma(shape, mean_us / shape, count)
