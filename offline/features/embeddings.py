"""Features that are vectors: gathered in NumPy from arrays by item row, with the definitions of declarations.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.features.declarations import HISTORY_EVENTS_MAX, POOLED_EVENTS_MAX

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]

CHUNK_REQUESTS = 4_096


def pooled_rows(history_rows: NDArray[np.int32], start: Longs, stop: Longs) -> NDArray[np.int32]:
    """Returns int32[B, POOLED_EVENTS_MAX]: the latest known rows of each history, -1 where there are fewer.

    The history of request b is history_rows[start[b]:stop[b]], oldest first, of which the latest HISTORY_EVENTS_MAX
    count; -1 in it is an item that is not known.
    """
    known = np.flatnonzero(history_rows >= 0)
    first = np.searchsorted(known, np.maximum(start, stop - HISTORY_EVENTS_MAX))
    last = np.searchsorted(known, stop)
    place = last[:, None] - POOLED_EVENTS_MAX + np.arange(POOLED_EVENTS_MAX)
    inside = place >= first[:, None]
    rows = np.full(place.shape, -1, np.int32)
    rows[inside] = history_rows[known[place[inside]]]
    return rows


def pooled_means(history_rows: NDArray[np.int32], start: Longs, stop: Longs, vectors: Floats) -> Floats:
    """Returns float32[B, D], the mean vector of each history's pooled_rows; zero without any.

    With title embeddings this is user_embedding, with learnt embeddings the history vector.
    """
    means = np.zeros((len(start), vectors.shape[1]), np.float32)
    for begin in range(0, len(start), CHUNK_REQUESTS):
        chunk = slice(begin, begin + CHUNK_REQUESTS)
        rows = pooled_rows(history_rows, start[chunk], stop[chunk])
        known = rows >= 0
        gathered = vectors[np.maximum(rows, 0)].astype(np.float64) * known[..., None]
        counts = np.maximum(known.sum(axis=1), 1)
        means[chunk] = gathered.sum(axis=1) / counts[:, None]
    return means


def embedding_similarity(user_embeddings: Floats, title_embeddings: Floats) -> Floats:
    """Returns float32[B], the cosine of each pair of rows; 0 where either is zero."""
    dots = np.einsum("bd,bd->b", user_embeddings, title_embeddings, dtype=np.float64)
    lengths = np.linalg.norm(user_embeddings, axis=1) * np.linalg.norm(title_embeddings, axis=1)
    cosines = np.divide(dots, lengths, out=np.zeros(len(dots)), where=lengths > 0)
    return np.asarray(cosines, np.float32)
