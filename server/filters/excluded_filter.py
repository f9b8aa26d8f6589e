"""Drops what the caller does not want to see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import keep_not_in
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Filter
from server.query import RecommendQuery


class ExcludedFilter(Filter[RecommendQuery]):
    """Drops the request's excluded items."""

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether any are named."""
        return query.items is not None and len(query.items.excluded_rows) > 0

    def keep(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.bool_]:
        """Returns true for the others."""
        assert query.items is not None
        return keep_not_in(batch.rows, query.items.excluded_rows)
