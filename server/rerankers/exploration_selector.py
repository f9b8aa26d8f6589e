"""Places left to chance, with the chance written down: what a later policy is judged by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Selector
from server.query import Exploration, RecommendQuery

SECONDS_PER_DAY = 86_400


class WideShortlist(Selector[RecommendQuery]):
    """Adds, where a scenario explores, all other candidates behind the shortlist: chance draws from them."""

    def __init__(self, shortlist: Selector[RecommendQuery]) -> None:
        self._shortlist = shortlist

    def select(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.int32]:
        """Returns the shortlist's positions, best first, and the others after them where chance may choose them."""
        best = self._shortlist.select(query, batch)
        if not query.scenario.exploration_share:
            return best
        others = np.ones(len(batch), np.bool_)
        others[best] = False
        return np.concatenate([best, np.flatnonzero(others).astype(np.int32)])


class ExplorationSelector(Selector[RecommendQuery]):
    """Gives each place, with probability exploration_share, to a random candidate that the list would not show.

    Epsilon-greedy by place. Places explore independently, and what they show is a random permutation's beginning, so
    a pool item's probability at a place is exactly share / pool, and the list's own item's 1 - share. Places after
    the first len(pool) never explore. Drawn from the recommendation_id alone: the same id gives the same list.

    chosen_by: makes the list without chance. shortlist: what chosen_by is to see of the batch.
    """

    def __init__(self, shortlist: Selector[RecommendQuery], chosen_by: Selector[RecommendQuery]) -> None:
        self._shortlist = shortlist
        self._chosen_by = chosen_by

    def select(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.int32]:
        """Returns the positions of num_items candidates at most; notes their propensities in the query."""
        share = query.scenario.exploration_share
        if not share:
            return self._chosen_by.select(query, batch)
        # Scores are what they were when the shortlist was made, so this is the very same shortlist.
        best = self._shortlist.select(query, batch)
        chosen = best[self._chosen_by.select(query, batch.take(best))]
        pool = self._pool(query, batch, chosen)
        shown, propensities = explore(chosen, pool, share, query.recommendation_id)
        query.exploration = Exploration(batch.rows[shown], propensities)
        return shown

    def _pool(
        self, query: RecommendQuery, batch: CandidateBatch, chosen: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Returns the positions that are not chosen, of items young enough."""
        left = np.ones(len(batch), np.bool_)
        left[chosen] = False
        if query.scenario.exploration_age_days:
            since_s = query.now_s - query.scenario.exploration_age_days * SECONDS_PER_DAY
            left &= query.release.arrays.added_time_s[batch.rows] > since_s
        return np.flatnonzero(left).astype(np.int32)


def explore(
    chosen: NDArray[np.int32], pool: NDArray[np.int32], share: float, seed: str
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Returns (shown, propensities): chosen with some places given to the pool, and each one's probability."""
    rng = np.random.default_rng(int.from_bytes(seed.encode(), "big"))
    places = np.arange(len(chosen))
    open_to_chance = places < len(pool)
    explored = (rng.random(len(chosen)) < share) & open_to_chance
    shown = chosen.copy()
    shown[explored] = rng.permutation(pool)[: int(explored.sum())]
    own = np.where(open_to_chance, 1.0 - share, 1.0)
    by_chance = share / max(len(pool), 1)
    return shown, np.where(explored, by_chance, own).astype(np.float32)
