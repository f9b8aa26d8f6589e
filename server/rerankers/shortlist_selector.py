"""The candidates that re-ranking looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import top_k
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Reranker, Selector
from server.query import RecommendQuery


class ShortlistSelector(Selector[RecommendQuery]):
    """Chooses the best `factor` times as many candidates as wanted.

    early: re-rankers that count here already. Without nearness to the context items, say, the best items of a
    user's taste would leave none that fit the page.
    """

    def __init__(self, factor: int, *early: Reranker[RecommendQuery]) -> None:
        self._factor = factor
        self._early = early

    def select(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.int32]:
        """Returns the positions, best first."""
        score = batch.score
        for reranker in self._early:
            factors = reranker.multipliers(query, batch) if reranker.enabled(query) else None
            if factors is not None:
                score = score * factors
        return top_k(score, query.num_items * self._factor)
