"""Ranking metrics over whole lists, vectorised over users.

With hits the ranked items that are relevant, r the number of a user's relevant items and d(p) = 1 / log2(p + 2)
the discount of position p from 0:

    precision  hits / k                     recall  hits / r                    hit_rate  1 if any hit
    ndcg       sum of d at hits / sum of d over the first min(k, r) positions    (binary gain)
    map        sum over hits of the precision up to the hit / min(k, r)
    mrr        1 / place of the first hit from 1, 0 without one
    coverage   distinct ranked items / items        (over all users together)

Each but coverage is the mean over users. Järvelin & Kekäläinen, "Cumulated gain-based evaluation", TOIS 2002.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Metrics:
    """Means over users; the field order is that of the report."""

    recall: float
    ndcg: float
    precision: float
    map: float
    hit_rate: float
    coverage: float
    mrr: float

    def as_dict(self) -> dict[str, float]:
        """Returns the values by name."""
        return {name: getattr(self, name) for name in type(self).__slots__}


def ranking_metrics(ranked: NDArray[np.int32], relevant: sp.csr_matrix) -> Metrics:
    """Returns the metrics of ranked i32[users, k], best first, -1 where a list is short.

    relevant: (users x items), a stored entry for each relevant item; a user without one is an error (ValueError).
    """
    means = {name: float(np.mean(values)) for name, values in user_metrics(ranked, relevant).items()}
    return Metrics(coverage=np.unique(ranked[ranked >= 0]).size / relevant.shape[1], **means)


def user_metrics(ranked: NDArray[np.int32], relevant: sp.csr_matrix) -> dict[str, NDArray[np.float64]]:
    """Returns every metric but coverage as f64[users], by name. Arguments and errors as ranking_metrics."""
    k = ranked.shape[1]
    relevant_counts = np.diff(relevant.indptr)
    if k < 1 or not relevant_counts.size or relevant_counts.min() < 1:
        raise ValueError("every user needs a relevant item, and every list at least one place")
    hits = hit_matrix(ranked, relevant)
    hit_counts = hits.sum(axis=1)
    ideal_counts = np.minimum(relevant_counts, k)
    discounts = 1.0 / np.log2(np.arange(k) + 2.0)
    ideal_gains = np.cumsum(discounts)[ideal_counts - 1]
    precisions = np.cumsum(hits, axis=1) / np.arange(1, k + 1)
    return {
        "recall": hit_counts / relevant_counts,
        "ndcg": hits @ discounts / ideal_gains,
        "precision": hit_counts / k,
        "map": (precisions * hits).sum(axis=1) / ideal_counts,
        "hit_rate": (hit_counts > 0).astype(np.float64),
        "mrr": (hits / np.arange(1, k + 1)).max(axis=1),
    }


def hit_matrix(ranked: NDArray[np.int32], relevant: sp.csr_matrix) -> NDArray[np.bool_]:
    """Returns bool[users, k]: whether each ranked item is relevant to its user."""
    items = relevant.shape[1]
    users = np.arange(ranked.shape[0], dtype=np.int64)
    wanted = np.repeat(users, np.diff(relevant.indptr)) * items + relevant.indices
    shown = users[:, None] * items + ranked
    return np.isin(shown, wanted) & (ranked >= 0)


def top_rows(scores: NDArray[np.floating], masked: sp.csr_matrix | None, k: int) -> NDArray[np.int32]:
    """Returns i32[users, k]: the best rows of scores[users, items], ties by row, without the masked entries.

    A list that runs short ends in -1. NaN scores are never ranked.
    """
    scores = np.where(np.isnan(scores), -np.inf, scores)
    if masked is not None:
        scores[masked.nonzero()] = -np.inf
    k_found = min(k, scores.shape[1])
    # The k-th best score of a user; whatever ties with it goes into the sort, so that ties fall by row.
    least = np.partition(scores, scores.shape[1] - k_found, axis=1)[:, scores.shape[1] - k_found]
    users, rows = np.nonzero((scores >= least[:, None]) & np.isfinite(scores))
    order = np.lexsort((rows, -scores[users, rows], users))
    places = np.arange(users.size) - np.searchsorted(users, users)
    kept = order[places < k_found]
    ranked = np.full((scores.shape[0], k), -1, dtype=np.int32)
    ranked[users[kept], places[places < k_found]] = rows[kept]
    return ranked


def user_blocks(user_count: int, block_users: int) -> Iterable[slice]:
    """Returns slices of at most block_users users that cover all."""
    return (slice(start, start + block_users) for start in range(0, user_count, block_users))
