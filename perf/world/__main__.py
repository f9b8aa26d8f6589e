"""`python -m perf.world --items 1000000 DIR`: writes W(items), a data directory that `shortlist serve` takes."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from perf.world.release import write_release
from perf.world.shape import WORLD_FILE, WorldShape, make_items
from perf.world.users import write_users
from server.releases.format import FORMAT_VERSION


def main() -> None:
    """Writes the world unless the directory holds this very one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=0, help="0 = as many as items, up to a million")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    make_world(WorldShape(options.items, options.users, options.seed), options.data_dir)


def make_world(shape: WorldShape, data_dir: Path) -> None:
    """Writes W(shape) to a directory, in place of what it holds; does nothing where this very world is there."""
    note = data_dir / WORLD_FILE
    told = json.loads(note.read_text()) if note.is_file() else {}
    wanted = {"shape": asdict(shape), "format": FORMAT_VERSION}
    if all(told.get(name) == value for name, value in wanted.items()):
        return
    if told:
        shutil.rmtree(data_dir)
    console, started = Console(), time.perf_counter()
    data_dir.mkdir(parents=True, exist_ok=True)
    items = make_items(shape)
    recall = write_release(shape, items, data_dir, console)
    write_users(shape, items, data_dir)
    note.write_text(json.dumps({**wanted, "ann_recall_200": recall}, indent=2) + "\n")
    console.print(f"{data_dir}: {shape.items:,} items in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
