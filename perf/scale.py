"""`python -m perf.scale`: cost of a request by the number of items, and two workers beside one; perf/results/scale.json."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from perf.machine import machine_facts
from perf.serving.closed_loop import Round, closed_loop
from perf.serving.measure import Requests, capacity
from perf.serving.processes import GENERATOR_CORE, shortlist_server
from perf.serving.requests import encoded_requests, zipf_users
from perf.world.cached import cached_world

RESULTS = Path("perf/results/scale.json")
SIZES = (100_000, 1_000_000, 10_000_000)
DRAWS = 100_000
BYTES_AN_ITEM = 1_800
"""Of memory and of disk, to make and to serve a world; two thirds of it are what is served."""


@dataclass(frozen=True, slots=True)
class Size:
    """Figures of one size, medians of rounds; microseconds of the server's processor time a request."""

    items: int
    rps: float
    ratio: float
    cpu_us: float
    rss_release_mb: float
    rss_worker_mb: float
    start_s: float


def main() -> None:
    """Measures the sizes that this machine can hold, then two workers beside one at the first of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    os.sched_setaffinity(0, {GENERATOR_CORE})
    console = Console()
    fitting = [items for items in options.sizes if fits(items)]
    for items in sorted(set(options.sizes) - set(fitting)):
        console.print(f"{items:,} items are left out: too little memory or disk here")
    sizes = [_size(items, options.rounds, options.seconds, console) for items in fitting]
    costs = (
        worker_costs(cached_world(fitting[0]), options.rounds, options.seconds, console) if fitting else {}
    )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    figures = {"sizes": [asdict(size) for size in sizes], "workers": costs, "machine": machine_facts()}
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def fits(items: int) -> bool:
    """Returns whether this machine has the memory and the disk for a world of so many items."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return min(memory, shutil.disk_usage(Path.home()).free) > items * BYTES_AN_ITEM


def _size(items: int, rounds: int, seconds: float, console: Console) -> Size:
    data_dir = cached_world(items)
    console.print(f"{items:,} items")
    requests = Requests(encoded_requests(zipf_users(data_dir, DRAWS, 7)))
    found = capacity(data_dir, requests, rounds, seconds, console)
    return Size(
        items,
        found.recommend_rps,
        found.ratio,
        found.cpu_us(),
        found.memory.release_mb,
        found.memory.worker_mb,
        found.start_s,
    )


def worker_costs(data_dir: Path, rounds: int, seconds: float, console: Console) -> dict[str, float]:
    """Returns the processor time a request of one worker and of two, and the ratio, started in turns on one core."""
    bodies = encoded_requests(zipf_users(data_dir, DRAWS, 7))
    costs: dict[int, list[float]] = {1: [], 2: []}
    for number in range(rounds):
        for workers, found in costs.items():
            found.append(_with_workers(data_dir, bodies, workers, seconds).cpu_us)
        console.print(f"round {number + 1}: one worker {costs[1][-1]:.0f} us, two {costs[2][-1]:.0f} us")
    ratio = median(two / one for one, two in zip(costs[1], costs[2], strict=True))
    return {"one_cpu_us": median(costs[1]), "two_cpu_us": median(costs[2]), "ratio": ratio}


def _with_workers(data_dir: Path, bodies: list[bytes], workers: int, seconds: float) -> Round:
    with shortlist_server(data_dir, workers=workers) as server:
        return closed_loop(server, bodies, seconds)


if __name__ == "__main__":
    main()
