"""The model's opinion of each candidate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.inference.protocols import CandidateScorer
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Scorer
from server.query import RecommendQuery


class TwoTowerScorer(Scorer[RecommendQuery]):
    """Scores by the two towers and the cross features; where the model runs is the model's business."""

    def __init__(self, model: CandidateScorer) -> None:
        self._model = model

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the user has a vector."""
        return query.user_vector is not None

    def score(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32]:
        """Returns the logistic of the model's score."""
        if batch.features is None or query.user_vector is None:
            raise RuntimeError("the candidates have no features")
        return self._model.score(query.release, query.user_vector, batch.rows, batch.features)
