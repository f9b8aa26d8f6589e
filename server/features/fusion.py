"""How the sources' lists are made comparable before they are blended: one definition for serving and training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Fusion = Literal["score", "rank"]
"""score: by the sources' scores. rank: by places alone, for sources whose scores have long tails."""

RANK_OFFSET = 60
"""How flat reciprocal ranks are at the top: Cormack, Clarke and Buettcher, "Reciprocal rank fusion", SIGIR 2009."""

BLEND_WEIGHT_MIN = 1e-3
"""A source that the blend gives no weight still orders what no other source proposes: popularity, for new users."""


def above_none(weights: Sequence[float]) -> tuple[float, ...]:
    """Returns the sources' weights, each at least BLEND_WEIGHT_MIN."""
    return tuple(max(weight, BLEND_WEIGHT_MIN) for weight in weights)


def fused_scores(
    scores: NDArray[np.float32], offsets: NDArray[np.int32], fusion: Fusion
) -> NDArray[np.float32]:
    """Returns the scores to blend, one an entry, of lists best first at offsets[s]:offsets[s+1]; NaN stays NaN."""
    if fusion == "score":
        return scores
    places = np.arange(len(scores)) - np.repeat(offsets[:-1], np.diff(offsets))
    fused = (1 / (RANK_OFFSET + 1 + places)).astype(np.float32)
    fused[np.isnan(scores)] = np.nan
    return fused
