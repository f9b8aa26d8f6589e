"""Worlds that measurements share: made once, kept outside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

from perf.world.__main__ import make_world
from perf.world.shape import WorldShape


def cached_world(items: int, seed: int = 7) -> Path:
    """Returns the data directory of W(items), made where it is missing: a minute at 100,000 items, several at a million."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    data_dir = cache / "shortlist" / "worlds" / f"{items}-{seed}"
    make_world(WorldShape(items, seed=seed), data_dir)
    return data_dir
