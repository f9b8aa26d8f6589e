"""Plain files: what is drawn, and that the two parts hold it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from offline.evaluation.event_files import read_events
from offline.evaluation.plain_pairs import draw_pairs, write_split


def test_pairs_are_distinct_and_of_the_asked_size() -> None:
    pairs = draw_pairs(users=200, items=300, pairs=4_000, groups=10)
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert 3_000 < len(pairs) < 5_000
    assert pairs.min() >= 0
    assert (pairs.max(0) < (200, 300)).all()


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (draw_pairs(50, 100, 500, 5, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_parts_hold_every_pair_once(tmp_path: Path) -> None:
    pairs = draw_pairs(50, 100, 500, 5)
    write_split(tmp_path, pairs)
    train, test = (read_events(tmp_path / f"{name}.csv.gz") for name in ("train", "test"))
    assert len(train) + len(test) == len(pairs)
    assert 0.1 < len(test) / len(pairs) < 0.3
