"""For whom and for what the lists are good: by the user's history, the item's category, the item's popularity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.evaluation.metrics import hit_matrix

SEGMENTS = ("new", "light", "heavy")
SEGMENT_STARTS = (0, 4, 20)
"""Distinct items of train from which on a user belongs to a segment: new 1 to 3, light 4 to 19, heavy 20 and more."""

DECILES = 10

NO_GROUP = -1

Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class GroupShares:
    """One group of items, as counts. items: how many there are; wanted: pairs of test users and relevant items.

    found, shown: by method, the wanted pairs that its lists hold, and the places of its lists that the group fills.
    """

    name: str
    items: int
    wanted: int
    found: Mapping[str, int]
    shown: Mapping[str, int]

    def recall(self, method: str) -> float:
        """Returns the share of the group's wanted pairs that a method's lists hold; NaN where none is wanted."""
        return self.found[method] / self.wanted if self.wanted else float("nan")


def user_segments(history_lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns each user's place in SEGMENTS, by the number of distinct items of train."""
    return np.asarray(np.searchsorted(SEGMENT_STARTS, history_lengths, side="right") - 1)


def popularity_deciles(user_counts: NDArray[np.int64]) -> Rows:
    """Returns each item's tenth of the catalogue, 0 = that of the items which most users had; ties by row."""
    order = np.lexsort((np.arange(user_counts.size), -user_counts))
    deciles = np.empty(user_counts.size, np.int32)
    deciles[order] = np.arange(user_counts.size) * DECILES // user_counts.size
    return deciles


def group_shares(
    lists: Mapping[str, Rows], relevant: sp.csr_matrix, groups: Rows, names: tuple[str, ...]
) -> list[GroupShares]:
    """Returns the counts of each group. groups: i32[items], a place in names, NO_GROUP for an item of none."""
    items, wanted = (_count(codes, len(names)) for codes in (groups, groups[relevant.indices]))
    shown = {name: _count(_groups_of(ranked, groups), len(names)) for name, ranked in lists.items()}
    found = {}
    for name, ranked in lists.items():
        hits = hit_matrix(ranked, relevant)
        found[name] = _count(groups[ranked[hits]], len(names))
    return [
        GroupShares(
            group,
            int(items[code]),
            int(wanted[code]),
            {name: int(counts[code]) for name, counts in found.items()},
            {name: int(counts[code]) for name, counts in shown.items()},
        )
        for code, group in enumerate(names)
    ]


def _groups_of(ranked: Rows, groups: Rows) -> Rows:
    return np.asarray(np.where(ranked >= 0, groups[ranked], NO_GROUP))


def _count(codes: Rows, total: int) -> NDArray[np.int64]:
    return np.bincount(codes[codes >= 0], minlength=total)
