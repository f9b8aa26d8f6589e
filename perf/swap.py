"""`python -m perf.swap`: what switching to another release costs the calls of that moment; perf/results/swap.json.

Windows of an open loop at 60 % of capacity, in turns: nothing happens; the server switches to a release that was verified
before, as after `shortlist publish`; it switches to one that it has to hash first. Each release is mapped anew.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from perf.machine import machine_facts
from perf.serving.closed_loop import closed_loop
from perf.serving.measure import OPEN_LOOP_SHARE, Requests
from perf.serving.open_loop import Latency, open_loop
from perf.serving.processes import GENERATOR_CORE, shortlist_server
from perf.serving.requests import encoded_requests, zipf_users
from perf.twins import switch, twins
from perf.world.cached import cached_world
from server.releases.verified_stamp import drop_stamp

RESULTS = Path("perf/results/swap.json")
DRAWS = 200_000
KINDS = ("still", "switched", "hashed")
_SWITCH_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """One window. live_s: from the switch until the worker served the release, 0 where there was none."""

    kind: str
    live_s: float
    latency: Latency


def main() -> None:
    """Measures and writes the windows, and each kind's p99 beside that of the windows in which nothing happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--data-dir", type=Path, help="a world; without: W(items)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=6, help="of one window")
    options = parser.parse_args()
    os.sched_setaffinity(0, {GENERATOR_CORE})
    data_dir = options.data_dir or cached_world(options.items)
    figures = {**measure(data_dir, options.rounds, options.seconds, Console()), "machine": machine_facts()}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps({key: value for key, value in figures.items() if key != "windows"}, indent=2))


def measure(data_dir: Path, rounds: int, seconds: float, console: Console) -> dict[str, object]:
    """Returns p99 by kind, medians of the windows, and the ratio of each kind's to its own round's still window."""
    requests = Requests(encoded_requests(zipf_users(data_dir, DRAWS, 7)))
    windows: list[Window] = []
    # The holder keeps the release that served before, so a switch maps anew only where there are three or more.
    with twins(data_dir, 4) as versions, shortlist_server(data_dir) as server:
        next_version = itertools.cycle(versions)
        warm = closed_loop(server, requests.bodies, seconds)
        requests.take(int(warm.calls * 1.25))
        rps = warm.rps * OPEN_LOOP_SHARE
        for number in range(rounds):
            for kind in KINDS:
                windows.append(
                    _window(data_dir, server.port, requests, kind, rps, seconds, next_version.__next__)
                )
            console.print(
                f"round {number + 1} at {rps:,.0f}/s: p99 "
                + ", ".join(f"{w.kind} {w.latency.p99_ms:.1f}" for w in windows[-len(KINDS) :])
                + f" ms; live in {windows[-2].live_s:.2f}, hashed {windows[-1].live_s:.2f} s"
            )
    return _figures(windows, rps)


def _window(
    data_dir: Path,
    port: int,
    requests: Requests,
    kind: str,
    rps: float,
    seconds: float,
    next_version: Callable[[], str],
) -> Window:
    live_s = [0.0]

    def act() -> None:
        version = next_version()
        if kind == "hashed":
            drop_stamp(data_dir / "releases", version)
        live_s[0] = switch(data_dir, version)

    timer = threading.Timer(_SWITCH_AFTER_S, act)
    if kind != "still":
        timer.start()
    place = requests.take(int(rps * (seconds + 0.5)))
    latency = open_loop(port, requests.bodies, rps, seconds, warm_up_s=0.5, first=place)
    if kind != "still":
        timer.join()
    return Window(kind, live_s[0], latency)


def _figures(windows: list[Window], rps: float) -> dict[str, object]:
    by_kind = {kind: [window for window in windows if window.kind == kind] for kind in KINDS}
    still = [window.latency.p99_ms for window in by_kind["still"]]
    figures: dict[str, object] = {"rps": rps}
    for kind, found in by_kind.items():
        p99s = [window.latency.p99_ms for window in found]
        figures[f"{kind}_p99_ms"] = median(p99s)
        figures[f"{kind}_errors"] = sum(window.latency.errors for window in found)
        if kind != "still":
            figures[f"{kind}_ratio"] = median(p99 / base for p99, base in zip(p99s, still, strict=True))
            figures[f"{kind}_live_s"] = median(window.live_s for window in found)
    return {**figures, "windows": [asdict(window) for window in windows]}


if __name__ == "__main__":
    main()
