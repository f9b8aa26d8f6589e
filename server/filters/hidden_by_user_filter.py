"""Drops what the user asked not to see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import keep_not_in
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Filter
from server.query import RecommendQuery


class HiddenByUserFilter(Filter[RecommendQuery]):
    """Drops items that the user has hidden."""

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the user has hidden any."""
        return query.history is not None and len(query.history.hidden_rows) > 0

    def keep(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.bool_]:
        """Returns true for items not hidden."""
        assert query.history is not None
        return keep_not_in(batch.rows, query.history.hidden_rows)
