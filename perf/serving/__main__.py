"""`python -m perf.serving`: one core of Shortlist beside one core of an echo of its reply; perf/results/summary.json."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path
from statistics import median

from rich.console import Console

from perf.machine import machine_facts
from perf.serving.closed_loop import CALLS_IN_FLIGHT, closed_loop
from perf.serving.open_loop import open_loop
from perf.serving.processes import GENERATOR_CORE, echo_server, shortlist_server
from perf.serving.requests import checked_replies, encoded_requests, zipf_users
from server.releases.registry import current_version
from server.settings import Settings

RESULTS = Path("perf/results/summary.json")
OPEN_LOOP_SHARE = 0.6
DRAWS = 10_000
CHECKED = 50
GENERATOR = "perf/serving/wire.py, Python, raw HTTP/2 frames, another Zipf-drawn user each call, pinned to a core of its own"


def main() -> None:
    """Measures in alternated rounds, prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-dir", type=Path, default=Path("demo-data"), help="a data directory with a release"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of one round")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    if not (options.data_dir / "releases" / "current").exists():
        raise SystemExit(f"{options.data_dir} holds no release: run `make demo` first")
    os.sched_setaffinity(0, {GENERATOR_CORE})
    figures = measure(options.data_dir, options.rounds, options.seconds, options.seed)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    Console().print_json(data={key: figures[key] for key in SHOWN})
    print(f"written to {RESULTS}")


SHOWN = (
    "echo_rps", "recommend_rps", "ratio", "echo_cpu_us", "recommend_cpu_us", "cpu_ratio", "p50_ms", "p99_ms", "items", "candidates", "degraded_share", "errors",
)  # fmt: skip


def measure(data_dir: Path, rounds: int, seconds: int, seed: int) -> dict[str, object]:
    """Returns all figures; ratio is the median of the rounds' own ratios."""
    console = Console()
    bodies = encoded_requests(zipf_users(data_dir, DRAWS, seed))
    with shortlist_server(data_dir) as server:
        replies = sorted(checked_replies(server.port, bodies[:CHECKED]), key=len)
        reply = replies[len(replies) // 2]
        with echo_server(reply) as yardstick:
            pairs = []
            for number in range(rounds):
                echo = closed_loop(yardstick, bodies, seconds)
                recommend = closed_loop(server, bodies, seconds)
                pairs.append((echo, recommend))
                console.print(
                    f"round {number + 1}: echo {echo.rps:,.0f}/s ({echo.cpu_us:.0f} us of CPU), "
                    f"recommend {recommend.rps:,.0f}/s ({recommend.cpu_us:.0f} us)"
                )
        recommend_rps = median(recommend.rps for _, recommend in pairs)
        console.print(f"open loop at {recommend_rps * OPEN_LOOP_SHARE:,.0f}/s")
        latency = open_loop(server.port, bodies, recommend_rps * OPEN_LOOP_SHARE, seconds * 2)
        checked_replies(server.port, bodies[:CHECKED])
    return {
        "echo_rps": median(echo.rps for echo, _ in pairs),
        "recommend_rps": recommend_rps,
        "ratio": median(recommend.rps / echo.rps for echo, recommend in pairs),
        "echo_cpu_us": median(echo.cpu_us for echo, _ in pairs),
        "recommend_cpu_us": median(recommend.cpu_us for _, recommend in pairs),
        "cpu_ratio": median(echo.cpu_us / recommend.cpu_us for echo, recommend in pairs),
        "p50_ms": latency.p50_ms,
        "p99_ms": latency.p99_ms,
        "p999_ms": latency.p999_ms,
        "items": item_count(data_dir),
        "candidates": Settings().retrieval.candidates_max,
        "degraded_share": max(recommend.looked_at.degraded_share for _, recommend in pairs),
        "errors": latency.errors + sum(side.errors for pair in pairs for side in pair),
        "reply_bytes": len(reply),
        "calls_in_flight": CALLS_IN_FLIGHT,
        "rounds": [{"echo": asdict(echo), "recommend": asdict(recommend)} for echo, recommend in pairs],
        "open_loop": asdict(latency),
        "generator": GENERATOR,
        "machine": machine_facts(),
    }


def item_count(data_dir: Path) -> int:
    """Returns the number of items of the release that is served."""
    version = current_version(data_dir / "releases")
    manifest = json.loads((data_dir / "releases" / str(version) / "manifest.json").read_text())
    return int(manifest["item_count"])


if __name__ == "__main__":
    main()
