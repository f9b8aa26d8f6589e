"""The candidates that re-ranking looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import top_k
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Selector
from server.query import RecommendQuery
from server.rerankers.context_reranker import ContextReranker


class ShortlistSelector(Selector[RecommendQuery]):
    """Chooses the best `factor` times as many candidates as wanted.

    Nearness to the context items counts here already, or the best items of a user's taste would
    leave none that fit the page.
    """

    def __init__(self, factor: int, context: ContextReranker) -> None:
        self._factor = factor
        self._context = context

    def select(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.int32]:
        """Returns the positions, best first."""
        score = batch.score
        if self._context.enabled(query):
            score = score * self._context.multipliers(query, batch)
        return top_k(score, query.num_items * self._factor)
