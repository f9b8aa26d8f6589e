"""Raises what the user may want to buy again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Reranker
from server.query import RecommendQuery

_LOGIT_MAX = np.float32(60)
"""A score of 0 must not meet a factor of infinity."""


class RepeatReranker(Reranker[RecommendQuery]):
    """Raises the logit of the ranker's score by repeat_boost * the candidate's score as something to buy again.

    The ranker cannot do this: it learns from lists of what users do not have yet. source: number of the repeat
    source in the pipeline, whose list is empty where a scenario leaves bought items out.
    """

    def __init__(self, source: int) -> None:
        self._source = source

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether anything to buy again was found."""
        return len(query.retrieved) > self._source and len(query.retrieved[self._source].rows) > 0

    def multipliers(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32]:
        """Returns 1 for candidates that the user never bought."""
        found = query.retrieved[self._source]
        order = np.argsort(found.rows)
        at = np.minimum(np.searchsorted(found.rows, batch.rows, sorter=order), len(order) - 1)
        places = order[at]
        scores = np.where(found.rows[places] == batch.rows, found.scores[places], np.float32(0))
        odds_against = np.exp(-np.minimum(np.float32(query.scenario.repeat_boost) * scores, _LOGIT_MAX))
        return np.asarray(1 / (batch.score + (1 - batch.score) * odds_against), np.float32)
