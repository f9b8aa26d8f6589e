"""How well the towers alone find what users chose next: all items ranked, what a user has seen left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.evaluation.metrics import ranking_metrics, top_rows, user_blocks
from offline.model.training_data import TrainingData, ranges
from offline.model.two_tower import TwoTowerModel
from offline.model.vectors import item_vectors, user_vectors

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]

LIST_LENGTH = 20
USERS_MAX = 5_000
_BLOCK_USERS = 256


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """The first query of each user in the period, with all the new items that the user chose in it.

    queries: int64[n]. targets, seen: sparse [n, I], a stored entry for an item chosen, or known to the user
    before. day: as of whose start items are read, the period's first.
    """

    queries: Longs
    targets: sp.csr_matrix
    seen: sp.csr_matrix
    day: int


@dataclass(frozen=True, slots=True)
class RetrievalQuality:
    """Means over validation users, at LIST_LENGTH."""

    recall: float
    ndcg: float

    @property
    def target(self) -> float:
        """What early stopping maximises."""
        return (self.recall + self.ndcg) / 2


@dataclass(frozen=True, slots=True)
class HeldBack:
    """The last part of the time: what is learnt from are the queries before cut_s, what is asked those after it."""

    cut_s: int
    earlier: Longs
    validation: ValidationSet


def build_validation(data: TrainingData, queries: Longs, day: int, seed: int) -> ValidationSet | None:
    """Returns the validation set of a period's queries; None when no known user chose anything new.

    Users without a history are left out: any model can only give them what is popular. At most USERS_MAX users,
    drawn at random, are kept.
    """
    users = data.history_owner[queries]
    order = np.lexsort((data.times_s[queries], users))
    queries, users = queries[order], users[order]
    _, first, user_of_query = np.unique(users, return_index=True, return_inverse=True)
    firsts = queries[first]
    place, rows, weights = data.examples(queries)
    rows, place = rows[weights > 0], place[weights > 0]
    targets = _pairs(user_of_query[place], rows, len(firsts), data.item_count)
    counts = data.history_stop[firsts] - data.history_start[firsts]
    history = data.history.rows[ranges(data.history_start[firsts], counts)].astype(np.int64)
    owner = np.repeat(np.arange(len(firsts)), counts)
    seen = _pairs(owner[history >= 0], history[history >= 0], len(firsts), data.item_count)
    new = (targets - targets.multiply(seen)).tocsr()
    new.eliminate_zeros()
    kept = np.flatnonzero((np.diff(new.indptr) > 0) & (counts > 0))
    if len(kept) > USERS_MAX:
        kept = np.sort(np.random.default_rng(seed).choice(kept, USERS_MAX, replace=False))
    return ValidationSet(firsts[kept], new[kept], seen[kept], day) if len(kept) else None


def measure_retrieval(
    user_vectors: Floats, item_vectors: Floats, validation: ValidationSet
) -> RetrievalQuality:
    """Returns the quality of ranking all items by inner product.

    user_vectors: float32[n, V] in the order of the validation's queries. item_vectors: float32[I, V].
    """
    ranked = [
        top_rows(user_vectors[block] @ item_vectors.T, validation.seen[block], LIST_LENGTH)
        for block in user_blocks(len(user_vectors), _BLOCK_USERS)
    ]
    metrics = ranking_metrics(np.concatenate(ranked), validation.targets)
    return RetrievalQuality(metrics.recall, metrics.ndcg)


def measure_towers(model: TwoTowerModel, data: TrainingData, validation: ValidationSet) -> RetrievalQuality:
    """Returns the retrieval quality of a model, which is then in evaluation mode."""
    model.eval()
    users = user_vectors(model, data, validation.queries)
    items = item_vectors(model, data.items.inputs_at(validation.day, data.all_rows))
    return measure_retrieval(users, items, validation)


def _pairs(owners: Longs, rows: Longs, owner_count: int, item_count: int) -> sp.csr_matrix:
    """Returns a sparse matrix with a 1 at each distinct pair."""
    keys = np.unique(owners * item_count + rows)
    ones = np.ones(len(keys), np.float32)
    return sp.csr_matrix((ones, np.divmod(keys, item_count)), shape=(owner_count, item_count))
