"""`python -m perf.compare A B`: whether B costs more than A, told from noise.

A and B are two checkouts, measured in turns here, or two summary.json files. Exit status: 0 no regression, 1 B is
slower by more than the tolerance with 95 % confidence, 2 the runs cannot tell (the interval is wider than the tolerance).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perf.serving.closed_loop import closed_loop
from perf.serving.processes import GENERATOR_CORE, shortlist_server
from perf.serving.requests import encoded_requests, zipf_users
from perf.world.cached import cached_world

RESAMPLES = 10_000
DRAWS = 100_000
ROUNDS_MIN = 4
"""Fewer say nothing of their noise."""
SAME, SLOWER, UNKNOWN = 0, 1, 2
WORDS = {
    SAME: "no regression",
    SLOWER: "B is slower",
    UNKNOWN: "the runs cannot tell: more rounds are needed",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """ratio: median cost of B over that of A; low, high: its 95 % interval; status: SAME, SLOWER or UNKNOWN."""

    ratio: float
    low: float
    high: float
    status: int


def verdict(of_a: Sequence[float], of_b: Sequence[float], tolerance: float, seed: int = 7) -> Verdict:
    """Compares costs by the bootstrap of the ratio of their medians. tolerance: .03 = up to 3 % more is no regression."""
    rng = np.random.default_rng(seed)
    a, b = np.asarray(of_a), np.asarray(of_b)
    medians_a = np.median(rng.choice(a, (RESAMPLES, len(a))), axis=1)
    medians_b = np.median(rng.choice(b, (RESAMPLES, len(b))), axis=1)
    low, high = (float(edge) for edge in np.percentile(medians_b / medians_a, [2.5, 97.5]))
    if min(len(a), len(b)) < ROUNDS_MIN:
        status = UNKNOWN
    elif low > 1 + tolerance:
        status = SLOWER
    elif high <= 1 + tolerance:
        status = SAME
    else:
        status = UNKNOWN
    return Verdict(float(np.median(b) / np.median(a)), low, high, status)


def costs_in_file(path: Path) -> list[float]:
    """Returns each round's processor time of a request, as multiples of the echo's beside it, of a summary file."""
    rounds = json.loads(path.read_text())["rounds"]
    return [each["recommend"]["cpu_us"] / each["echo"]["cpu_us"] for each in rounds]


def costs_of_checkouts(
    checkouts: tuple[Path, Path], data_dir: Path, rounds: int, seconds: float
) -> tuple[list[float], list[float]]:
    """Returns each round's processor time of a request, microseconds: A and B in turns, and who is first in turns too."""
    bodies = encoded_requests(zipf_users(data_dir, DRAWS, 7))
    costs: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            with shortlist_server(data_dir, checkout=checkouts[which].resolve()) as server:
                costs[which].append(closed_loop(server, bodies, seconds).cpu_us)
        print(f"round {number + 1}: A {costs[0][-1]:.0f} us, B {costs[1][-1]:.0f} us", flush=True)
    return costs


def main() -> None:
    """Compares, prints and exits with the status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("a", type=Path)
    parser.add_argument("b", type=Path)
    parser.add_argument("--data-dir", type=Path, help="of both checkouts; without: W(100,000)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--tolerance", type=float, default=0.03)
    options = parser.parse_args()
    if options.a.is_file() and options.b.is_file():
        costs = costs_in_file(options.a), costs_in_file(options.b)
    else:
        os.sched_setaffinity(0, {GENERATOR_CORE})
        data_dir = options.data_dir or cached_world(100_000)
        costs = costs_of_checkouts((options.a, options.b), data_dir, options.rounds, options.seconds)
    found = verdict(*costs, options.tolerance)
    print(f"B / A: {found.ratio:.3f}, 95 % within {found.low:.3f} to {found.high:.3f}: {WORDS[found.status]}")
    sys.exit(found.status)


if __name__ == "__main__":
    main()
