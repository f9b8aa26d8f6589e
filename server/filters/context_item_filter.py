"""Drops the items that the page shows already."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import keep_not_in
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Filter
from server.query import RecommendQuery


class ContextItemFilter(Filter[RecommendQuery]):
    """Drops the context items; a scenario may turn it off."""

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the scenario wants it and the page has such items."""
        return query.scenario.exclude_context_items and len(query.context_rows) > 0

    def keep(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.bool_]:
        """Returns true for all other items."""
        return keep_not_in(batch.rows, np.sort(query.context_rows))
