"""What a search for vectors finds, and what it misses: of usearch in its index, and of the walk that serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_CHUNK_ROWS = 8_192
_EXACT_ROWS = 32
_NARROW = 4
_STEPS = (8, 8, 4, 4, 2)
"""One in so many of the rows that are left is searched for: near rows are shown by the same search."""


class SearchesVectors(Protocol):
    """A way to find the rows nearest a vector."""

    def search(
        self, vectors: Floats, count: int, *, narrow: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns the keys found for each vector, int64[n, count], best first, and how many of a row's are valid.

        narrow: with the least effort that finds so many.
        """
        ...


def find_missed(
    searched: SearchesVectors, vectors: Floats, count: int, *, by_others: bool = False
) -> NDArray[np.int64]:
    """Returns the rows that a search for their own vector does not find among the best `count`, ascending.

    A row whose place is taken by items at least as near (equal vectors among them) counts as found. by_others: so does a
    row that a search for another's vector shows, which spares most searches where each shows many.
    """
    if by_others:
        rows = _never_shown(searched, vectors, count)
    else:
        # Most are found by a very narrow search, at a quarter of the cost; the others are looked for again.
        searches = _self_searches(searched, vectors, np.arange(len(vectors)), _NARROW, narrow=True)
        rows = _joined([part[~found] for part, _, _, found in searches])
    missed = [
        part[~found & ~_crowded_out(vectors, part, keys, lengths, ~found)]
        for part, keys, lengths, found in _self_searches(searched, vectors, rows, count)
    ]
    return _joined(missed)


def measure_recall(searched: SearchesVectors, vectors: Floats, queries: int, count: int, seed: int) -> float:
    """Returns the share of the exact `count` best that a search finds, mean over so many items, chosen by the seed.

    Item vectors stand in for users': the two live in one space.
    """
    if not len(vectors):
        return 1.0
    rows = np.random.default_rng(seed).choice(len(vectors), min(queries, len(vectors)), replace=False)
    count = min(count, len(vectors))
    keys, lengths = searched.search(vectors[rows], count)
    hits = [
        len(np.intersect1d(exact, found[:length]))
        for exact, found, length in zip(_nearest(vectors, rows, count), keys, lengths, strict=True)
    ]
    return float(np.mean(hits) / count)


def _never_shown(searched: SearchesVectors, vectors: Floats, count: int) -> NDArray[np.int64]:
    """Searches for some rows' vectors, then for some of the rows that nothing has shown, and so on; returns those left."""
    shown = np.zeros(len(vectors), np.bool_)
    for step in (count, *_STEPS):
        rows = np.flatnonzero(~shown)[::step]
        for _, keys, lengths, _ in _self_searches(searched, vectors, rows, count):
            shown[keys[np.arange(keys.shape[1]) < lengths[:, None]]] = True
    return np.flatnonzero(~shown)


def _joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _self_searches(
    searched: SearchesVectors, vectors: Floats, rows: NDArray[np.int64], count: int, *, narrow: bool = False
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]]:
    """Yields some rows, the best keys for each one's vector, how many of them are valid, and whether it is among them."""
    for start in range(0, len(rows), _CHUNK_ROWS):
        part = rows[start : start + _CHUNK_ROWS]
        keys, lengths = searched.search(vectors[part], count, narrow=narrow)
        valid = np.arange(keys.shape[1]) < lengths[:, None]
        yield part, keys, lengths, ((keys == part[:, None]) & valid).any(axis=1)


def _crowded_out(
    vectors: Floats,
    rows: NDArray[np.int64],
    keys: NDArray[np.int64],
    lengths: NDArray[np.int64],
    missed: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Tells of the rows that were missed whether as many items as were asked for look to the index just like the row.

    int8 makes near vectors equal: the worst hit is then as near as the row's own, rounded, vector.
    """
    crowded = np.zeros(len(rows), np.bool_)
    for at in np.flatnonzero(missed & (lengths == keys.shape[1])):
        crowded[at] = (vectors[keys[at]] @ vectors[rows[at]]).min() > 1 - 1e-3
    return crowded


def _nearest(vectors: Floats, rows: NDArray[np.int64], count: int) -> Iterator[NDArray[np.int64]]:
    """Yields for each row those of the `count` largest inner products with its vector, in no order."""
    for start in range(0, len(rows), _EXACT_ROWS):
        scores = vectors[rows[start : start + _EXACT_ROWS]] @ vectors.T
        yield from (np.argpartition(line, len(vectors) - count)[-count:] for line in scores)
