"""The lists that a recommender stands beside: random, popular, and the best that anybody could make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.simulation.draws import Indexes
from offline.simulation.store import ItemColumns, SimulatedStore, UserColumns, each

POLICIES = ("random", "popularity", "oracle")
ORACLE_ITEMS_MAX = 50_000
"""The oracle weighs every item for every list."""


@dataclass(slots=True)
class Baselines:
    """Makes the three policies' lists. None of them shows what the user owns.

    popularity: f64[items], how often each item was viewed and bought lately. there: bool[items], on offer now.
    """

    store: SimulatedStore
    popularity: NDArray[np.float64]
    there: NDArray[np.bool_]
    every: ItemColumns

    def lists(
        self, user: UserColumns, day: float, owned: set[int], length: int, rng: np.random.Generator
    ) -> dict[str, Indexes]:
        """Returns a list by policy for one user (columns of length 1)."""
        allowed = self.there.copy()
        allowed[list(owned)] = False
        utility = self.store.utility(each(user), self.every, day)[0]
        return {
            "random": rng.choice(np.flatnonzero(allowed), length, replace=False),
            "popularity": best(self.popularity, allowed, length),
            "oracle": best(utility, allowed, length),
        }


def best(scores: NDArray[np.float64], allowed: NDArray[np.bool_], length: int) -> Indexes:
    """Returns the allowed indexes of the largest scores, best first, ties by index."""
    usable = np.where(allowed, scores, -np.inf)
    top = np.argpartition(-usable, length)[:length]
    return top[np.lexsort((top, -usable[top]))]
