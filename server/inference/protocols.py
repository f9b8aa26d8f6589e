"""What the pipeline asks of a model, wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class ModelNumbers(Protocol):
    """The scalars of a release's model.json that scoring needs."""

    @property
    def dot_scale(self) -> float:
        """Factor of the towers' dot product."""
        ...

    @property
    def score_bias(self) -> float:
        """Added before the logistic."""
        ...


class ItemVectors(Protocol):
    """The item columns that scoring needs."""

    @property
    def item_vectors(self) -> Floats:
        """The item tower's output, float32[N, VECTOR_DIMS]."""
        ...


class ScoringRelease(Protocol):
    """The part of a mapped release that holds its model."""

    @property
    def repository_version(self) -> int:
        """The number of the release's models in a model repository."""
        ...

    @property
    def ranker_sha256(self) -> str:
        """The SHA-256 of the ranker's ONNX file, 64 hexadecimal digits."""
        ...

    @property
    def model(self) -> ModelNumbers:
        """Scalars of the model."""
        ...

    @property
    def weights(self) -> Mapping[str, Floats]:
        """The arrays that format.MODEL_WEIGHTS names."""
        ...

    @property
    def arrays(self) -> ItemVectors:
        """Item columns."""
        ...


class UserTower(Protocol):
    """Turns a user's features into a vector."""

    def user_vector(self, release: ScoringRelease, tower_input: Floats) -> Floats:
        """Returns float32[VECTOR_DIMS] for a float32[1, USER_WIDTH] input."""
        ...


class CandidateScorer(Protocol):
    """Scores candidates for one user. Raises Unavailable where the model cannot be asked."""

    def score(
        self, release: ScoringRelease, user_vector: Floats, rows: NDArray[np.int32], cross: Floats
    ) -> Floats:
        """Returns float32[n] in [0, 1]. cross: float32[n, len(CROSS_FEATURES)]."""
        ...


class RemoteScorer(Protocol):
    """Scores candidates for one user on a model server, and gives up in time."""

    def score(
        self,
        release: ScoringRelease,
        tower_input: Floats,
        rows: NDArray[np.int32],
        cross: Floats,
        time_left_s: float,
    ) -> Floats:
        """Returns float32[n] in [0, 1], within time_left_s.

        tower_input: float32[1, USER_WIDTH]. cross: float32[n, len(CROSS_FEATURES)]. Raises ModelServerUnavailable.
        """
        ...
