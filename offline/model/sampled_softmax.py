"""Softmax over sampled negatives, in batch and uniform, with the sampling correction.

The columns of a batch are the distinct items of its examples and items drawn uniformly. A column's score is
lowered by the logarithm of the probability that it is among the columns at all, which makes the loss an
estimate of the softmax over all items: without it, popular items would be pushed down for being drawn more.

Bengio and Senecal, "Adaptive Importance Sampling to Accelerate Training of a Neural Probabilistic Language
Model" (IEEE Trans. Neural Networks, 2008); Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large
Corpus Item Recommendations" (RecSys 2019). Both correct by the expected count; columns here are distinct, so
the expected count of one is its probability of inclusion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

# Finite, so that a query that chose every column has a loss of 0 with gradients of 0, not NaN.
_MASKED = -1e30


@dataclass(frozen=True, slots=True)
class SampledColumns:
    """The items that a batch's softmax runs over.

    rows: int64[K], distinct item rows, ascending. log_inclusion: float32[K], logarithm of each one's
    probability of being among them. example_column: int64[X], the column of each example's item.
    """

    rows: Rows
    log_inclusion: Floats
    example_column: Rows


class NegativeSampler:
    """Draws the columns of batches.

    share: float[I], each item's share of all training examples. uniform: items drawn without replacement
    besides the batch's own; at most I are.
    """

    def __init__(self, share: NDArray[np.float64], uniform: int, seed: int) -> None:
        self._log_absent = np.log1p(-np.minimum(share, 1 - 1e-9))
        self._uniform = min(uniform, len(share))
        self._rng = np.random.default_rng(seed)

    def sample(self, example_rows: Rows) -> SampledColumns:
        """Returns the columns of a batch with these example items."""
        item_count = len(self._log_absent)
        drawn = self._rng.choice(item_count, self._uniform, replace=False)
        rows = np.union1d(example_rows, drawn)
        # Absent: in none of the batch's draws and not among the uniform ones.
        log_absent = self._log_absent[rows] * len(example_rows)
        if self._uniform < item_count:
            inclusion = -np.expm1(log_absent + np.log1p(-self._uniform / item_count))
        else:
            inclusion = np.ones(len(rows))
        return SampledColumns(
            rows=rows,
            log_inclusion=np.log(inclusion).astype(np.float32),
            example_column=np.searchsorted(rows, example_rows),
        )


def sampled_softmax_loss(
    scores: Tensor, log_inclusion: Tensor, example_query: Tensor, example_column: Tensor, weights: Tensor
) -> Tensor:
    """Returns the weighted sum over examples of -log softmax(score of the example's item).

    scores: float32[Q, K] of the batch's queries and columns. log_inclusion: float32[K].
    example_query, example_column: int64[X]. weights: float32[X].
    All items of a query's examples are masked out of its negatives (accidental hits): each example competes
    with what its query did not choose.
    """
    corrected = scores - log_inclusion
    chosen = torch.zeros(scores.shape, dtype=torch.bool)
    chosen[example_query, example_column] = True
    negatives = corrected.masked_fill(chosen, _MASKED).logsumexp(1)
    positives = corrected[example_query, example_column]
    losses = torch.logaddexp(positives, negatives[example_query]) - positives
    return (losses * weights).sum()
