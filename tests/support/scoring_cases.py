"""Made-up requests for scores, and what the model in this process says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.features.declarations import CROSS_FEATURES
from server.features.encoding import USER_WIDTH
from server.inference.local_model import LocalScorer, LocalUserTower
from server.inference.protocols import Floats, ScoringRelease


@dataclass(frozen=True)
class ScoringCase:
    """A user's features, candidates with their cross features, and the scores that are right."""

    tower_input: Floats
    rows: NDArray[np.int32]
    cross: Floats
    expected: Floats


def scoring_case(release: ScoringRelease, candidates: int, seed: int = 0) -> ScoringCase:
    """Returns a case over random rows of the release, each once."""
    rng = np.random.default_rng(seed)
    tower_input = rng.normal(0, 1, (1, USER_WIDTH)).astype(np.float32)
    rows = rng.permutation(len(release.arrays.item_vectors))[:candidates].astype(np.int32)
    cross = rng.uniform(0, 1, (candidates, len(CROSS_FEATURES))).astype(np.float32)
    vector = LocalUserTower().user_vector(release, tower_input)
    return ScoringCase(tower_input, rows, cross, LocalScorer().score(release, vector, rows, cross))
