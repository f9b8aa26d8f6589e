"""The model server's opinion of each candidate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.inference.protocols import RemoteScorer
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Scorer
from server.query import RecommendQuery


class ModelServerScorer(Scorer[RecommendQuery]):
    """Scores on a model server, within the time of the stages that score; the local model stands behind it."""

    def __init__(self, model: RemoteScorer) -> None:
        self._model = model

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the user has a vector."""
        return query.user_vector is not None

    def score(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32]:
        """Returns the logistic of the model's score."""
        if batch.features is None or query.user is None:
            raise RuntimeError("the candidates have no features")
        time_left_s = query.budget.group_ends_s - query.budget.clock()
        return self._model.score(
            query.release, query.user.tower_input, batch.rows, batch.features, time_left_s
        )
