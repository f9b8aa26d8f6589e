"""The plain order of the scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import top_k
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Selector
from server.query import RecommendQuery


class ScoreSelector(Selector[RecommendQuery]):
    """Puts all candidates in order and drops none: for lists whose items the caller has chosen."""

    def select(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.int32]:
        """Returns every position, best first."""
        return top_k(batch.priority, len(batch))
