"""`python -m perf.capacity`: the plan from perf/results/summary.json, and the queueing model beside what was measured."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from perf.capacity.plan import Costs, plan
from perf.capacity.queue import services, simulate

SUMMARY = Path("perf/results/summary.json")
RESULTS = Path("perf/results/capacity.json")
USERS = 100_000_000
RATES = (10_000, 100_000)
VARIATIONS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
UTILISATIONS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
SATURATED = 0.98


def main() -> None:
    """Reads the measured cost, fits the model, prints and writes both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", type=Path, default=SUMMARY)
    parser.add_argument("--users", type=int, default=USERS)
    summary = json.loads(parser.parse_args().summary.read_text())
    users = parser.parse_args().users
    costs = Costs(summary["recommend_cpu_us"], reply_bytes=summary["reply_bytes"])
    variation, beside = check(summary)
    figures = {
        "costs": asdict(costs),
        "plans": [asdict(plan(rps, users, costs)) for rps in RATES],
        "queue": {
            "variation": variation,
            "beside_measured": beside,
            "by_utilisation": table(summary, variation),
        },
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def service_us(summary: dict[str, Any]) -> float:
    """Returns how long one call holds the core: the inverse of the rate at which it is full."""
    return 1e6 / float(summary["recommend_rps"])


def check(summary: dict[str, Any]) -> tuple[float, list[dict[str, float]]]:
    """Returns the coefficient of variation that fits the rate steps best, and the model beside each step.

    The one free number is fitted to the p99 of all steps below saturation; what is left is the model's error. Calls
    come evenly here, as they did when measured.
    """
    full = float(summary["recommend_rps"])
    steps = [step for step in summary["rate_steps"] if step["rps"] < SATURATED * full]
    fits = {variation: [_beside(summary, step, variation) for step in steps] for variation in VARIATIONS}
    best = min(fits, key=lambda variation: sum(abs(row["p99_error"]) for row in fits[variation]))
    return best, fits[best]


def _beside(summary: dict[str, Any], step: dict[str, float], variation: float) -> dict[str, float]:
    said = simulate(step["rps"], services(service_us(summary), variation), evenly=True)
    return {
        "utilisation": step["rps"] / float(summary["recommend_rps"]),
        "measured_p50_ms": step["p50_ms"],
        "model_p50_ms": said.p50_ms,
        "measured_p99_ms": step["p99_ms"],
        "model_p99_ms": said.p99_ms,
        "p99_error": said.p99_ms / step["p99_ms"] - 1,
    }


def table(summary: dict[str, Any], variation: float) -> list[dict[str, float]]:
    """Returns what the model says of a core by how full it is, and of 16 cores behind one queue."""
    times = services(service_us(summary), variation)
    rows = []
    for share in UTILISATIONS:
        rate = share * float(summary["recommend_rps"])
        one, many = simulate(rate, times), simulate(16 * rate, times, servers=16, calls=50_000)
        rows.append({"utilisation": share, "p99_ms": one.p99_ms, "p99_ms_16_cores_one_queue": many.p99_ms})
    return rows


if __name__ == "__main__":
    main()
