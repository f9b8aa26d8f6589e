"""`python -m perf.serving`: one core of Shortlist beside one core of an echo of its reply; perf/results/summary.json."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from perf.machine import machine_facts
from perf.serving.closed_loop import CALLS_IN_FLIGHT
from perf.serving.hit_rate import expected_hit_rate
from perf.serving.measure import CACHES_OFF, OPEN_LOOP_SHARE, RATE_SHARES, Capacity, Requests, capacity
from perf.serving.processes import GENERATOR_CORE
from perf.serving.requests import encoded_requests, zipf_users
from perf.world.cached import cached_world
from server.releases.registry import current_version
from server.settings import Settings

RESULTS = Path("perf/results/summary.json")
DRAWS = 200_000
WARM_DRAWS = 10_000
GENERATOR = "perf/replay, C, nghttp2, another Zipf-drawn user each call, pinned to a core of its own"
SHOWN = (
    "echo_rps", "recommend_rps", "ratio", "ratio_no_cache", "echo_cpu_us", "recommend_cpu_us", "no_cache_cpu_us",
    "cpu_ratio", "cpu_ratio_no_cache", "p50_ms", "p99_ms", "p999_ms", "p99_at_capacity_ms", "rss_release_mb",
    "rss_worker_mb", "start_s", "items", "candidates", "expected_hit_rate", "degraded_share", "errors",
)  # fmt: skip


def main() -> None:
    """Measures in alternated rounds, prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="a data directory with a release; without: W(items)")
    parser.add_argument("--items", type=int, default=1_000_000, help="of the world that is made and kept")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of one round")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    data_dir = options.data_dir or cached_world(options.items)
    if not (data_dir / "releases" / "current").exists():
        raise SystemExit(f"{data_dir} holds no release: run `make demo` first, or leave --data-dir out")
    os.sched_setaffinity(0, {GENERATOR_CORE})
    figures = measure(data_dir, options.rounds, options.seconds, options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=2) + "\n")
    Console().print_json(data={key: figures[key] for key in SHOWN})
    print(f"written to {options.out}")


def measure(data_dir: Path, rounds: int, seconds: float, seed: int) -> dict[str, object]:
    """Returns all figures: with the caches as they are by default, then with them off."""
    console = Console()
    users = zipf_users(data_dir, DRAWS, seed)
    requests = Requests(encoded_requests(users))
    shares = (OPEN_LOOP_SHARE, *RATE_SHARES)
    cached = capacity(data_dir, requests, rounds, seconds, console, rate_shares=shares)
    console.print("caches off")
    uncached = capacity(data_dir, requests, max(2, rounds - 2), seconds, console, CACHES_OFF)
    remembered = Settings().retrieval.remembered_users_max
    return {
        **_figures(cached, uncached),
        "items": item_count(data_dir),
        "candidates": Settings().retrieval.candidates_max,
        "expected_hit_rate": expected_hit_rate(users[: max(requests.sent, 2 * WARM_DRAWS)], remembered, WARM_DRAWS),
        "calls_in_flight": CALLS_IN_FLIGHT,
        "rounds": cached.rounds(),
        "rounds_no_cache": uncached.rounds(),
        "rate_steps": [asdict(step) for step in sorted(cached.steps, key=lambda step: step.rps)],
        "open_loop": asdict(cached.steps[0]),
        "generator": GENERATOR,
        "machine": machine_facts(),
    }  # fmt: skip


def _figures(cached: Capacity, uncached: Capacity) -> dict[str, object]:
    latency = cached.steps[0]
    sides = [side for pair in [*cached.pairs, *uncached.pairs] for side in pair]
    return {
        "echo_rps": cached.echo_rps,
        "recommend_rps": cached.recommend_rps,
        "no_cache_rps": uncached.recommend_rps,
        "ratio": cached.ratio,
        "ratio_no_cache": uncached.ratio,
        "echo_cpu_us": cached.cpu_us(of_echo=True),
        "recommend_cpu_us": cached.cpu_us(),
        "no_cache_cpu_us": uncached.cpu_us(),
        "cpu_ratio": cached.cpu_ratio,
        "cpu_ratio_no_cache": uncached.cpu_ratio,
        "p50_ms": latency.p50_ms,
        "p99_ms": latency.p99_ms,
        "p999_ms": latency.p999_ms,
        "p99_at_capacity_ms": cached.steps[-1].p99_ms,
        "rss_release_mb": cached.memory.release_mb,
        "rss_store_mb": cached.memory.store_mb,
        "rss_worker_mb": cached.memory.worker_mb,
        "start_s": cached.start_s,
        "degraded_share": max(recommend.looked_at.degraded_share for _, recommend in cached.pairs),
        "degraded_share_no_cache": max(r.looked_at.degraded_share for _, r in uncached.pairs),
        "items_min": min(recommend.looked_at.items_min for _, recommend in [*cached.pairs, *uncached.pairs]),
        "errors": sum(step.errors for step in cached.steps) + sum(side.errors for side in sides),
        "reply_bytes": cached.reply_bytes,
    }


def item_count(data_dir: Path) -> int:
    """Returns the number of items of the release that is served."""
    version = current_version(data_dir / "releases")
    manifest = json.loads((data_dir / "releases" / str(version) / "manifest.json").read_text())
    return int(manifest["item_count"])


if __name__ == "__main__":
    main()
