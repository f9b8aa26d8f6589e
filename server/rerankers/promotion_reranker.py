"""Raises what the shop promotes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Reranker
from server.query import RecommendQuery
from server.releases.format import ItemFlag

_PROMOTED = np.uint8(ItemFlag.PROMOTED)


class PromotionReranker(Reranker[RecommendQuery]):
    """Multiplies promoted items by the scenario's promotion_boost."""

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the scenario promotes."""
        return query.scenario.promotion_boost != 1

    def multipliers(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32] | None:
        """Returns the boost for promoted items, 1 for others; None where there are none."""
        promoted = query.release.arrays.flags[batch.rows] & _PROMOTED
        if not promoted.any():
            return None
        return np.where(promoted, np.float32(query.scenario.promotion_boost), np.float32(1))
