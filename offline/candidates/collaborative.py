"""Item-item collaborative filtering, stored for serving.

With X (users x items), du and di the numbers of distinct items of a user and users of an item:

    R = diag(du)^-a  X  diag(di)^-b        C = R^T R without its diagonal

The *candidate* keeps its neighbours_max best entries of C: a candidate's score is then a sum over its own best
witnesses only, which is worth far more than cutting each history item's list (docs/evaluation.md). The table is
stored by history item, because a request walks the user's history, so its rows vary in length.

X holds 1 for a pair, or less: type weight times .5^(age / half-life) of the pair's latest event. du and di stay
counts, so that an item that sells no more fades away as a candidate instead of being normalised back up.
With basket_weight w, C = R^T R + w S^T S, where S is made as R is, but of baskets in place of users.
After Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001, and Deshpande &
Karypis, "Item-based top-N recommendation algorithms", TOIS 2004.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.candidates.interactions import Interactions, baskets, decay, distinct_pairs, latest_pairs
from server.features.event_types import EventType

Progress = Callable[[float], None]
"""Called now and then with the share done, 0 to 1."""

SORT_ENTRIES_MAX = 4_000_000


@dataclass(frozen=True, slots=True)
class CollaborativeOptions:
    """Knobs of the table. The defaults were chosen on validation periods inside train (docs/evaluation.md).

    user_exponent, item_exponent: a and b above. half_life_days: None = no time decay.
    history_items_max: a user's latest distinct items that count. type_weights: None = every event type counts 1.
    basket_weight: w above; 0 = baskets do not count. block_products_max: multiplications, hence entries, of one block
    of candidates; bounds the memory.
    """

    user_exponent: float = 0.5
    item_exponent: float = 0.4
    neighbours_max: int = 100
    half_life_days: float | None = 45.0
    history_items_max: int = 1_000
    type_weights: Mapping[EventType, float] | None = None
    basket_weight: float = 0.0
    block_products_max: int = 16_000_000


@dataclass(frozen=True, slots=True)
class NeighbourTable:
    """For history item h, entries offsets[h]:offsets[h+1]: candidate rows by weight descending, then row ascending.

    offsets i64[I+1], rows i32[E], weights f32[E] (> 0).
    """

    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    weights: NDArray[np.float32]

    def matrix(self) -> sp.csr_matrix:
        """Returns the table as a sparse (history item x candidate) matrix, f32; scores are history x matrix."""
        count = self.offsets.size - 1
        return sp.csr_matrix((self.weights, self.rows, self.offsets), shape=(count, count))


def neighbour_table(
    events: Interactions,
    now_s: float,
    options: CollaborativeOptions | None = None,
    progress: Progress | None = None,
) -> NeighbourTable:
    """Returns the table as of now_s. Time grows with the sum of squared history lengths, memory with the table."""
    return sorted_table(cosine_by_candidate(events, now_s, options or CollaborativeOptions(), progress))


def cosine_by_candidate(
    events: Interactions, now_s: float, options: CollaborativeOptions, progress: Progress | None = None
) -> sp.csr_matrix:
    """Returns C, f32[candidates, history items], each candidate's best entries only."""
    ratings = item_ratings(events, now_s, options)
    kept = [
        _best_of_block(ratings, start, stop, options.neighbours_max)
        for start, stop in _blocks(ratings, options.block_products_max, progress)
    ]
    return sp.vstack(kept, format="csr", dtype=np.float32)


def item_ratings(events: Interactions, now_s: float, options: CollaborativeOptions) -> sp.csr_matrix:
    """Returns R, and below it sqrt(w) S where baskets count, f64[users (+ baskets), items]."""
    ratings = normalised_ratings(events, now_s, options)
    if not options.basket_weight:
        return ratings
    together = normalised_ratings(baskets(events), now_s, options)
    return sp.vstack((ratings, together * np.sqrt(options.basket_weight)), format="csr")


def normalised_ratings(events: Interactions, now_s: float, options: CollaborativeOptions) -> sp.csr_matrix:
    """Returns R of the module's docstring, f64[users, items]."""
    pairs = latest_pairs(distinct_pairs(events, options.type_weights), options.history_items_max)
    user_counts = np.bincount(pairs.users, minlength=events.user_count)
    item_counts = np.bincount(pairs.item_rows, minlength=events.item_count)
    values = pairs.weights * decay(pairs.latest_s, now_s, options.half_life_days)
    values *= user_counts[pairs.users] ** -options.user_exponent
    values *= item_counts[pairs.item_rows] ** -options.item_exponent
    offsets = np.concatenate(([0], np.cumsum(user_counts)))
    return sp.csr_matrix((values, pairs.item_rows, offsets), shape=(events.user_count, events.item_count))


def _blocks(
    ratings: sp.csr_matrix, products_max: int, progress: Progress | None
) -> Iterator[tuple[int, int]]:
    lengths = np.diff(ratings.indptr).astype(np.float64)
    users_of_entries = np.repeat(lengths, np.diff(ratings.indptr))
    products = np.cumsum(np.bincount(ratings.indices, users_of_entries, ratings.shape[1]))
    start, item_count = 0, ratings.shape[1]
    while start < item_count:
        done = products[start - 1] if start else 0.0
        stop = max(int(np.searchsorted(products, done + products_max, side="right")), start + 1)
        yield start, stop
        if progress is not None:
            progress(float(products[stop - 1] / max(products[-1], 1.0)))
        start = stop


def _best_of_block(ratings: sp.csr_matrix, start: int, stop: int, neighbours_max: int) -> sp.csr_matrix:
    """Returns rows start:stop of C, each with its best entries only."""
    by_item = ratings[:, start:stop].T.tocsr()
    block = (by_item @ ratings).tocsr()
    rows = np.repeat(np.arange(start, stop), np.diff(block.indptr))
    block.data[block.indices == rows] = 0.0
    block.eliminate_zeros()
    return best_entries(block, neighbours_max)


def best_entries(by_candidate: sp.csr_matrix, neighbours_max: int) -> sp.csr_matrix:
    """Returns each row's largest entries, the first of equal ones; column indices ascend."""
    by_candidate.sort_indices()
    lengths = np.diff(by_candidate.indptr)
    keep = np.ones(by_candidate.nnz, dtype=bool)
    for row in np.flatnonzero(lengths > neighbours_max):
        inside = slice(by_candidate.indptr[row], by_candidate.indptr[row + 1])
        keep[inside] = _largest(by_candidate.data[inside], neighbours_max)
    kept_lengths = np.add.reduceat(np.append(keep, False), by_candidate.indptr[:-1]) * (lengths > 0)
    offsets = np.concatenate(([0], np.cumsum(kept_lengths)))
    weights = by_candidate.data[keep].astype(np.float32)
    return sp.csr_matrix((weights, by_candidate.indices[keep], offsets), shape=by_candidate.shape)


def _largest(values: NDArray[np.floating], count: int) -> NDArray[np.bool_]:
    """Returns flags of the count largest values; of equal ones the first."""
    least = np.partition(values, values.size - count)[values.size - count]
    above = values > least
    equal = np.flatnonzero(values == least)[: count - np.count_nonzero(above)]
    above[equal] = True
    return np.asarray(above)


def sorted_table(by_candidate: sp.csr_matrix) -> NeighbourTable:
    """Returns the table of positive weights f32[candidates, history items]."""
    by_history = sp.csr_matrix(by_candidate.T)
    by_history.sort_indices()
    offsets = by_history.indptr.astype(np.int64)
    rows = by_history.indices.astype(np.int32)
    weights = by_history.data
    start = 0
    while start < offsets.size - 1:
        limit = offsets[start] + SORT_ENTRIES_MAX
        stop = max(int(np.searchsorted(offsets, limit, side="right")) - 1, start + 1)
        inside = slice(offsets[start], offsets[stop])
        histories = np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1]))
        # The bits of positive floats order as integers do: one key sorts by history, then by weight descending.
        # Rows ascend within a history already (transposing a CSR matrix sees to it), so a stable sort is enough.
        order = np.argsort((histories << 32) - weights[inside].view(np.int32), kind="stable")
        rows[inside], weights[inside] = rows[inside][order], weights[inside][order]
        start = stop
    return NeighbourTable(offsets, rows, weights)
