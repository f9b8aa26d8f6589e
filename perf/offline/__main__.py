"""`python -m perf.offline`: processor and wall time of each part of the offline work; perf/results/offline.json."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from offline.ann_served import build_served_graph
from offline.build import BuildOptions, run_build
from perf.machine import machine_facts
from perf.offline.shop import cached_shop
from perf.serving.processes import shortlist_server
from perf.twins import switch, twins
from perf.world.cached import cached_world
from perf.world.shape import WorldShape, make_items
from server.releases.verified_stamp import drop_stamp

RESULTS = Path("perf/results/offline.json")
FEATURE_STEPS = ("log", "items", "users")
BARS_S = {"features": 60.0, "neighbours": 180.0, "index": 60.0, "live": 10.0}
"""Of the project: 10 million events, a million items, two cores."""


@dataclass(frozen=True, slots=True)
class Part:
    """wall_s, cpu_s: seconds by the clock, and of all threads. about: what came of it."""

    wall_s: float
    cpu_s: float
    about: Mapping[str, float] = field(default_factory=dict)


def main() -> None:
    """Measures the parts, prints them beside their bars and writes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--items", type=int, default=1_000_000, help="of the index and of the release")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--only", nargs="+", choices=("build", "index", "live"), default=("build", "index", "live")
    )
    options = parser.parse_args()
    console = Console()
    parts = json.loads(RESULTS.read_text())["parts"] if RESULTS.is_file() else {}
    if "build" in options.only:
        parts.update(_described(build_parts(cached_shop(options.events, options.seed))))
    if "index" in options.only:
        parts.update(_described({"index": index_part(options.items, options.seed)}))
    if "live" in options.only:
        parts.update(_described({"live": live_part(cached_world(options.items, options.seed))}))
    figures = {
        "events": options.events,
        "items": options.items,
        "cores": len(os.sched_getaffinity(0)),
        "parts": parts,
        "machine": machine_facts(),
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    for name, part in parts.items():
        bar = f", bar {BARS_S[name]:g} s" if name in BARS_S else ""
        console.print(
            f"{name}: {part['wall_s']:.1f} s ({part['cpu_s']:.1f} s of processor){bar}  {part['about']}"
        )


def _described(parts: dict[str, Part]) -> dict[str, dict[str, object]]:
    return {name: asdict(part) for name, part in parts.items()}


@contextmanager
def _timed(found: dict[str, Part], name: str, about: dict[str, float]) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    found[name] = Part(time.perf_counter() - wall, time.process_time() - cpu, about)


class _Steps:
    """Takes a build's progress; the time since the step before belongs to the step that is told."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def advance(self, step: str, done: int, of: int) -> None:
        """As offline.build.Advance."""
        # What comes before the first file is written: the log is read, and each event gets its owner and number.
        name = "log" if not self.parts else step
        before = self.parts.get(name, Part(0, 0))
        wall, cpu = time.perf_counter(), time.process_time()
        self.parts[name] = Part(before.wall_s + wall - self._wall, before.cpu_s + cpu - self._cpu)
        self._wall, self._cpu = wall, cpu


def build_parts(data_dir: Path) -> dict[str, Part]:
    """Runs `shortlist build` but for the store, and returns its steps, `features` and `neighbours` among them."""
    steps = _Steps()
    summary = run_build(data_dir, lambda batch: len(batch.keys), BuildOptions(), steps.advance)
    steps.advance("candidates", 1, 1)
    features = [steps.parts[name] for name in FEATURE_STEPS]
    candidates = steps.parts.pop("candidates")
    about = {"events": summary.events, "users": summary.users, "items": summary.items}
    return {
        "features": Part(sum(p.wall_s for p in features), sum(p.cpu_s for p in features), about),
        **{f"build: {name}": part for name, part in steps.parts.items()},
        "neighbours": Part(candidates.wall_s, candidates.cpu_s, {"entries": summary.candidates.neighbours}),
    }


def index_part(items: int, seed: int) -> Part:
    """Builds the ANN index of W(items) and takes its graph apart as a release holds it."""
    vectors = make_items(WorldShape(items, seed=seed)).vectors
    found: dict[str, Part] = {}
    about: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, _timed(found, "index", about):
        path = Path(folder) / "index.usearch"
        served = build_served_graph(vectors, path)
        about.update(
            recall_200=served.recall, attempts=served.index.attempts, unreached=len(served.unreached_rows)
        )
    return found["index"]


def live_part(data_dir: Path) -> Part:
    """Switches a running server to a release of W(items) that nobody has verified yet."""
    with twins(data_dir, 1) as (version,), shortlist_server(data_dir) as server:
        drop_stamp(data_dir / "releases", version)
        used_s = server.cpu_s()
        wall_s = switch(data_dir, version)
        return Part(wall_s, server.cpu_s() - used_s)


if __name__ == "__main__":
    main()
