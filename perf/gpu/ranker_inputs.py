"""The ranker's inputs for a batch of made-up users, and the scores that are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from server.inference.protocols import ScoringRelease
from tests.support.scoring_cases import scoring_case


@dataclass(frozen=True)
class RankerInputs:
    """Tensors by input name, batch first; item_rows is for a model that holds the vectors. expected: [B, N]."""

    user_features: np.ndarray
    item_vectors: np.ndarray
    item_rows: np.ndarray
    cross_features: np.ndarray
    pair_ids: np.ndarray
    expected: np.ndarray


def ranker_inputs(release: ScoringRelease, users: int, candidates: int) -> RankerInputs:
    """Returns inputs over random rows of the release; the expected scores are those of the compiled kernels."""
    cases = [scoring_case(release, candidates, seed) for seed in range(users)]
    rows = np.stack([case.rows for case in cases])
    return RankerInputs(
        user_features=np.concatenate([case.tower_input for case in cases]),
        item_vectors=np.ascontiguousarray(release.arrays.item_vectors[rows]),
        item_rows=rows,
        cross_features=np.stack([case.cross for case in cases]),
        pair_ids=rows.astype(np.float32),
        expected=np.stack([case.expected for case in cases]),
    )
