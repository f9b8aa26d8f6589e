"""Drops what is outside the wanted categories."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import keep_codes
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Filter
from server.query import RecommendQuery


class CategoryFilter(Filter[RecommendQuery]):
    """Drops items of other categories; all of them where the release knows none of the wanted ones."""

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the request names categories."""
        return query.restricted

    def keep(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.bool_]:
        """Returns true for items of a wanted category."""
        return keep_codes(batch.rows, query.release.arrays.category, query.category_codes)
