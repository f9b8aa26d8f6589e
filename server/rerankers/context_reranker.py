"""Raises what resembles the items that the page is about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Reranker
from server.query import RecommendQuery


class ContextReranker(Reranker[RecommendQuery]):
    """Multiplies by 1 + context_boost * the candidate's score among the context items' neighbours.

    source: number of the context source in the pipeline.
    """

    def __init__(self, source: int) -> None:
        self._source = source

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the page is about items."""
        return len(query.context_rows) > 0

    def multipliers(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32]:
        """Returns 1 for candidates that are no neighbour, up to 1 + context_boost for the nearest."""
        return 1 + np.float32(query.scenario.context_boost) * batch.source_scores[:, self._source]
