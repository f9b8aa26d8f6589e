"""`python -m perf.model_server`: what asking a model server costs a worker; perf/results/model_server.json.

The client and its batches run in this process against a server in another that answers at once, so that the processor time
of this process is what the client costs: building the tensors, gRPC, waiting and waking, checking the reply. Beside it, the
scores in this process, which is what is saved.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console

from perf.machine import machine_facts
from server.circuit_breaker import BreakerValues, CircuitBreaker
from server.inference.local_model import LocalScorer, LocalUserTower
from server.inference.micro_batcher import BatchLimits
from server.inference.triton_channel import TritonChannel
from server.inference.triton_scorer import TritonLimits, TritonScorer
from server.releases.mapped_release import MappedRelease
from tests.support.scoring_cases import ScoringCase, scoring_case
from tests.support.small_release import build_small_release

RESULTS = Path("perf/results/model_server.json")
CANDIDATES = 500
ITEMS = 20_000
IN_FLIGHT = (1, 8, 32)
BAR_US = 100.0


def main() -> None:
    """Measures, prints and writes the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=200, help="of each thread in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--users-max", type=int, default=32, help="requests of one inference")
    options = parser.parse_args()
    figures = measure(options.requests, options.rounds, options.users_max)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    Console().print_json(data=figures)


def measure(requests: int, rounds: int, users_max: int) -> dict[str, object]:
    """Returns all figures; each is the median of its rounds."""
    with TemporaryDirectory() as folder:
        small = build_small_release(Path(folder), items=ITEMS, categories=50)
        release = MappedRelease.open(small.path)
        cases = [scoring_case(release, CANDIDATES, seed) for seed in range(16)]
        server = subprocess.Popen(
            [sys.executable, "-m", "perf.model_server.instant_server"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            address = f"127.0.0.1:{int(server.stdout.readline())}"
            asked = [asking(address, release, cases, n, requests, rounds, users_max) for n in IN_FLIGHT]
        finally:
            server.terminate()
            server.wait(10)
        return {
            "asking": asked,
            "in_this_process_us": local_us(release, cases, requests),
            "bar_us": BAR_US,
            "candidates": CANDIDATES,
            "users_max": users_max,
            "machine": machine_facts(),
        }


def asking(
    address: str,
    release: MappedRelease,
    cases: list[ScoringCase],
    in_flight: int,
    requests: int,
    rounds: int,
    users_max: int,
) -> dict[str, float]:
    """Returns the processor time of a request in microseconds, with so many threads that ask."""
    limits = TritonLimits(timeout_s=30.0, batch=BatchLimits(users_max=users_max))
    channel = TritonChannel(address, limits.message_bytes_max)
    scorer = TritonScorer(channel, limits, CircuitBreaker(BreakerValues()))
    scorer.ready = frozenset([release.repository_version])

    def ask(number: int, count: int) -> None:
        for at in range(count):
            case = cases[(number + at) % len(cases)]
            scorer.score(release, case.tower_input, case.rows, case.cross, 30.0)

    _in_threads(in_flight, lambda number: ask(number, 5))
    costs, rates, shares = [], [], []
    for _ in range(rounds):
        before, cpu_s, start_s = scorer.inferences, time.process_time(), time.perf_counter()
        _in_threads(in_flight, lambda number: ask(number, requests))
        asked = in_flight * requests
        costs.append((time.process_time() - cpu_s) / asked * 1e6)
        rates.append(asked / (time.perf_counter() - start_s))
        shares.append(asked / (scorer.inferences - before))
    channel.close()
    return {
        "in_flight": in_flight,
        "cpu_us": round(median(costs), 1),
        "best_cpu_us": round(min(costs), 1),
        "requests_per_s": round(median(rates)),
        "requests_per_inference": round(median(shares), 1),
    }


def local_us(release: MappedRelease, cases: list[ScoringCase], requests: int) -> float:
    """Returns what the same scores cost in this process."""
    tower, scorer = LocalUserTower(), LocalScorer()
    start_s = time.process_time()
    for at in range(requests):
        case = cases[at % len(cases)]
        scorer.score(release, tower.user_vector(release, case.tower_input), case.rows, case.cross)
    return round((time.process_time() - start_s) / requests * 1e6, 1)


def _in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
