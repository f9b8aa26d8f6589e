"""The model in this process: the release's weights through the compiled kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import score_candidates, tower_forward
from server.inference.protocols import Floats, ScoringRelease


class LocalUserTower:
    """The user tower, one user at a time."""

    def user_vector(self, release: ScoringRelease, tower_input: Floats) -> Floats:
        """Returns float32[VECTOR_DIMS]."""
        w = release.weights
        vectors = tower_forward(
            tower_input, w["user_w1"], w["user_b1"], w["user_w2"], w["user_b2"], w["user_w3"], w["user_b3"]
        )
        vector: Floats = vectors[0]
        return vector


class LocalScorer:
    """Dot product of the towers plus the head over the cross features, as format.MODEL_WEIGHTS defines it."""

    def score(
        self, release: ScoringRelease, user_vector: Floats, rows: NDArray[np.int32], cross: Floats
    ) -> Floats:
        """Returns float32[n] in [0, 1]."""
        w = release.weights
        return score_candidates(
            rows,
            user_vector,
            release.arrays.item_vectors,
            cross,
            w["head_w1"],
            w["head_b1"],
            w["head_w2"],
            w["head_b2"],
            release.model.dot_scale,
            release.model.score_bias,
        )
