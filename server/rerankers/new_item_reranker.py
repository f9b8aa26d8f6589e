"""Raises what a returning user cannot have seen before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Reranker
from server.query import RecommendQuery

SECONDS_PER_DAY = 86_400


class NewItemReranker(Reranker[RecommendQuery]):
    """Multiplies items younger than new_item_age_days by new_item_boost, for users who have a history."""

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the user is a returning one and the scenario raises new items."""
        return query.scenario.new_item_boost != 1 and query.history is not None and query.history.returning

    def multipliers(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32] | None:
        """Returns the boost for new items, 1 for others; None where there are none."""
        since_s = query.now_s - query.scenario.new_item_age_days * SECONDS_PER_DAY
        young = query.release.arrays.added_time_s[batch.rows] > since_s
        if not young.any():
            return None
        return np.where(young, np.float32(query.scenario.new_item_boost), np.float32(1))
