"""Plain user-item files of known structure: no times, no prices, no categories, lines in random order.

    python -m offline.evaluation.plain_pairs --out DIR [--users 30000] [--items 40000] [--pairs 800000] [--groups 200]

Items fall into groups and have a popularity of a Zipf law (exponent .8). Each user likes four groups, from which four
fifths of what the user takes come, by popularity; the rest come from all items. A random fifth of the pairs is the test.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]

GROUPS_LIKED = 4
ZIPF_EXPONENT = 0.8
PAIRS_MIN = 2
TEST_SHARE = 0.2


def draw_pairs(users: int, items: int, pairs: int, groups: int, seed: int = 0) -> Longs:
    """Returns int64[about pairs, 2] of distinct (user, item) in random order."""
    rng = np.random.default_rng(seed)
    popularity = rng.permutation(1 / np.arange(1, items + 1) ** ZIPF_EXPONENT)
    group_of = rng.integers(0, groups, items)
    pools = [np.flatnonzero(group_of == group) for group in range(groups)]
    pools = [pool if len(pool) else np.arange(items) for pool in pools]
    everything = np.arange(items)
    sizes = rng.lognormal(2.9, 0.8, users)
    counts = (sizes * pairs / sizes.sum()).astype(int) + PAIRS_MIN
    drawn = []
    for user, count in enumerate(counts.tolist()):
        liked = [pools[group] for group in rng.choice(groups, GROUPS_LIKED, replace=False).tolist()]
        each = max(1, 2 * count // (GROUPS_LIKED + 1))
        picks = [
            rng.choice(pool, each, p=popularity[pool] / popularity[pool].sum())
            for pool in (*liked, everything)
        ]
        # Twice as many as wanted are drawn, for what comes twice counts once.
        distinct = rng.permutation(np.unique(np.concatenate(picks)))[:count]
        drawn.append(np.column_stack([np.full(len(distinct), user), distinct]))
    return np.asarray(rng.permutation(np.concatenate(drawn)))


def write_split(directory: Path, pairs: Longs, seed: int = 0) -> None:
    """Writes train.csv.gz and test.csv.gz."""
    directory.mkdir(parents=True, exist_ok=True)
    held = np.random.default_rng(seed).random(len(pairs)) < TEST_SHARE
    for name, part in (("train", pairs[~held]), ("test", pairs[held])):
        with gzip.open(directory / f"{name}.csv.gz", "wt", encoding="utf-8") as file:
            file.write("user_id,item_id\n")
            file.writelines(f"{user},{item}\n" for user, item in part.tolist())


def main() -> None:
    """Writes the files that the command line asks for."""
    parser = argparse.ArgumentParser(description="Plain user-item files of known structure.")
    parser.add_argument("--out", type=Path, required=True)
    for name, default in (
        ("users", 30_000),
        ("items", 40_000),
        ("pairs", 800_000),
        ("groups", 200),
        ("seed", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    pairs = draw_pairs(given.users, given.items, given.pairs, given.groups, given.seed)
    write_split(given.out, pairs, given.seed)


if __name__ == "__main__":
    main()
