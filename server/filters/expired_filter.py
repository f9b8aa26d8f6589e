"""Drops what is over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import keep_not_expired
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Filter
from server.query import RecommendQuery


class ExpiredFilter(Filter[RecommendQuery]):
    """Drops items whose expire time has come."""

    def keep(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.bool_]:
        """Returns true for items that have none, or a later one."""
        return keep_not_expired(batch.rows, query.release.arrays.expire_time_s, query.now_s)
