"""Closed-form item-item weights: each item foretold from all others at once.

With X (users x items) and G = X^T X, the weights that minimise |X - X B|^2 + lambda |B|^2 with a diagonal of 0 are

    P = (G + lambda I)^-1        B[i, j] = -P[i, j] / P[j, j]

Unlike co-occurrence, two items that are bought by everybody are not neighbours for that alone. X holds the same
decayed weights as in collaborative.py, without its exponents. Each candidate keeps its largest positive weights.
After Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg.lapack as lapack
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.candidates.collaborative import CollaborativeOptions, item_ratings
from offline.candidates.interactions import Interactions

Floats = NDArray[np.float32]

BLOCK_COLUMNS = 256


@dataclass(frozen=True, slots=True)
class EaseOptions:
    """strength: lambda in units of the mean of G's diagonal, so that it means the same in a small and a large shop.

    neighbours_max: weights that a candidate keeps. items_max: with more items that have events, EASE is not made.
    """

    strength: float = 10.0
    neighbours_max: int = 200
    items_max: int = 20_000


def memory_bytes(item_count: int) -> int:
    """Returns what `ease_by_candidate` needs beside the events: one float32 matrix, inverted in place, and a block."""
    return 4 * item_count * (item_count + 2 * BLOCK_COLUMNS)


def items_with_events(events: Interactions) -> int:
    """Returns how many items EASE would be made for."""
    return int(np.count_nonzero(np.bincount(events.item_rows, minlength=events.item_count)))


def ease_by_candidate(
    events: Interactions, now_s: float, collaborative: CollaborativeOptions, options: EaseOptions
) -> sp.csr_matrix:
    """Returns f32[candidates, history items], each candidate's largest positive weights. Time is cubic in the items."""
    ratings = item_ratings(events, now_s, replace(collaborative, user_exponent=0.0, item_exponent=0.0))
    active = np.flatnonzero(np.diff(ratings.tocsc().indptr))
    if not active.size:
        return sp.csr_matrix((events.item_count, events.item_count), dtype=np.float32)
    inverse = inverse_gram(ratings[:, active].astype(np.float32), options.strength)
    kept = [
        _best_of_columns(inverse, start, min(start + BLOCK_COLUMNS, active.size), options.neighbours_max)
        for start in range(0, active.size, BLOCK_COLUMNS)
    ]
    rows, columns, weights = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    shape = (events.item_count, events.item_count)
    return sp.csr_matrix((weights, (active[columns], active[rows])), shape=shape)


def inverse_gram(ratings: sp.csr_matrix, strength: float) -> Floats:
    """Returns (R^T R + lambda I)^-1, f32[items, items] in Fortran order.

    In single precision a matrix with a tiny lambda may not be positive definite any more; then lambda grows tenfold.
    """
    while True:
        gram = _gram(ratings)
        diagonal = np.einsum("ii->i", gram)
        diagonal += strength * float(diagonal.mean())
        factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
        if not failed:
            break
        strength *= 10
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    _mirror(inverse)
    return np.asarray(inverse)


def _gram(ratings: sp.csr_matrix) -> Floats:
    count = ratings.shape[1]
    gram = np.empty((count, count), np.float32, order="F")
    by_item = ratings.T.tocsr()
    for start in range(0, count, BLOCK_COLUMNS):
        inside = slice(start, start + BLOCK_COLUMNS)
        gram[:, inside] = (by_item @ ratings[:, inside]).toarray()
    return gram


def _mirror(lower: Floats) -> None:
    """Fills the upper triangle from the lower one, in place."""
    count = len(lower)
    for start in range(0, count, BLOCK_COLUMNS):
        stop = min(start + BLOCK_COLUMNS, count)
        corner = np.tril(lower[start:stop, start:stop])
        lower[start:stop, start:stop] = corner + np.tril(corner, -1).T
        lower[start:stop, stop:] = lower[stop:, start:stop].T


def _best_of_columns(
    inverse: Floats, start: int, stop: int, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Returns history items, candidates and weights of the candidates start:stop."""
    weights = -inverse[:, start:stop] / np.diagonal(inverse)[start:stop]
    weights[np.arange(start, stop), np.arange(stop - start)] = 0.0
    if len(weights) > count:
        best = np.argpartition(-weights, count - 1, axis=0)[:count]
        kept = np.zeros(weights.shape, bool)
        np.put_along_axis(kept, best, True, axis=0)
        weights = np.where(kept, weights, 0)
    rows, columns = np.nonzero(weights > 0)
    return rows, columns + start, weights[rows, columns].astype(np.float32)
