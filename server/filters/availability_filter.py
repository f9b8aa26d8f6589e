"""Drops what cannot be had."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import keep_flags
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Filter
from server.query import RecommendQuery
from server.releases.format import ItemFlag

_REQUIRED = int(ItemFlag.IN_STOCK)
_FORBIDDEN = int(ItemFlag.HIDDEN | ItemFlag.VACANT)


class AvailabilityFilter(Filter[RecommendQuery]):
    """Drops items that are out of stock, hidden by the shop, or deleted."""

    def keep(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.bool_]:
        """Returns true for items that may be shown."""
        return keep_flags(batch.rows, query.release.arrays.flags, _REQUIRED, _FORBIDDEN)
