"""The place of position bias at serving."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import Reranker
from server.query import RecommendQuery


class PositionBias(Protocol):
    """How much of a score is owed to the place at which an item used to be shown."""

    def multipliers(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32]:
        """Returns what to multiply each priority by, float32[n]."""
        ...


class BiasHandledInTraining:
    """Leaves scores alone.

    Clicks favour the places at the top. Training weighs each by the inverse of its place's propensity, so the
    model's scores carry no bias, and correcting them again here would overshoot. A model that takes the
    position as an input, or none that was trained on impressions, brings its own PositionBias.
    """

    def multipliers(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32]:
        """Returns ones."""
        return np.ones(len(batch), np.float32)


class PositionBiasReranker(Reranker[RecommendQuery]):
    """Applies a correction of position bias; skipped where training has done it."""

    def __init__(self, bias: PositionBias) -> None:
        self._bias = bias

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether there is anything to correct."""
        return not isinstance(self._bias, BiasHandledInTraining)

    def multipliers(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32]:
        """Returns the correction's factors."""
        return self._bias.multipliers(query, batch)
