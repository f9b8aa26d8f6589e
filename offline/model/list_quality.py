"""How good an order of candidate lists is: recall and NDCG of the chosen items that are in them."""

from __future__ import annotations

import torch
from torch import Tensor

from offline.model.validation import LIST_LENGTH, RetrievalQuality


def list_qualities(scores: Tensor, chosen: Tensor) -> Tensor:
    """Returns float64[L, 2]: recall and NDCG at LIST_LENGTH of each list.

    scores: [L, N], below all others where a list is shorter. chosen: bool[L, N], at least one in each list.
    """
    length = min(LIST_LENGTH, scores.shape[1])
    hits = chosen.gather(1, scores.topk(length, dim=1).indices).double()
    counts = chosen.sum(1)
    discounts = 1 / torch.log2(torch.arange(length, dtype=torch.float64) + 2)
    ideal = discounts.cumsum(0)[counts.clamp(max=length) - 1]
    return torch.stack([hits.sum(1) / counts, hits @ discounts / ideal], 1)


def mean_quality(qualities: Tensor) -> RetrievalQuality:
    """Returns the means over lists."""
    recall, ndcg = qualities.mean(0).tolist()
    return RetrievalQuality(recall, ndcg)
