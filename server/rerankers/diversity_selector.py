"""The list: good items, not all alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import mmr_select
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Selector
from server.query import RecommendQuery


class DiversitySelector(Selector[RecommendQuery]):
    """Selects by maximal marginal relevance, with at most category_cap items a category.

    Carbonell and Goldstein (1998), with the mean similarity to what is selected instead of the largest. The cap
    is off where the request fixes the category, which would leave the list short for nothing.
    """

    def select(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.int32]:
        """Returns the positions of num_items candidates at most, in the order of the reply."""
        arrays = query.release.arrays
        return mmr_select(
            batch.priority,
            arrays.category[batch.rows],
            arrays.brand[batch.rows],
            query.num_items,
            query.scenario.mmr_weight,
            0 if query.restricted else query.scenario.category_cap,
        )
