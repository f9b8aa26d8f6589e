"""Drops what the user has bought."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import keep_not_in
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Filter
from server.query import RecommendQuery


class BoughtFilter(Filter[RecommendQuery]):
    """Drops items that the user has ever bought, the request's own events included; a scenario may turn it off."""

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the scenario wants it and the user has bought anything."""
        return (
            query.scenario.exclude_bought and query.history is not None and len(query.history.bought_rows) > 0
        )

    def keep(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.bool_]:
        """Returns true for items not bought."""
        assert query.history is not None
        return keep_not_in(batch.rows, query.history.bought_rows)
