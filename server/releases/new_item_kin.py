"""Which catalogue items a new item is like, so that it can borrow what is known of them until the next release."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]

KIN_MAX = 3
"""Catalogue items that a new item borrows from."""

NEAREST_MAX = 200
"""Items near the new item's vector among which its kin are looked for."""

_SHARE_MIN = 1e-12

LIKENESS_EXPONENT = 4
"""Sharpens the cosine: of a copy and of two items that merely share words, the copy counts."""


class _Borrowers(NamedTuple):
    """Sorted by lender: lenders int32[n], borrowers int32[n] (new rows), shares float32[n], 1 a borrower."""

    lenders: Rows
    borrowers: Rows
    shares: Floats


_NONE = _Borrowers(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))


class NewItemKin:
    """One writer at a time (the overlay), any number of readers."""

    def __init__(self) -> None:
        self._table = _NONE

    def __len__(self) -> int:
        return len(self._table.lenders)

    def set(self, rows: Rows, kin: Rows, likeness: Floats) -> None:
        """Makes n new rows borrow from their kin, int32[n, k], by likeness, float32[n, k] (0 or less lends nothing)."""
        shares = np.maximum(likeness, 0) ** LIKENESS_EXPONENT
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), _SHARE_MIN)
        lends = shares > 0
        others = ~np.isin(self._table.borrowers, rows)
        lenders = np.concatenate((self._table.lenders[others], kin[lends]))
        borrowers = np.concatenate((self._table.borrowers[others], np.repeat(rows, lends.sum(axis=1))))
        all_shares = np.concatenate((self._table.shares[others], shares[lends])).astype(np.float32)
        order = np.argsort(lenders, kind="stable")
        self._table = _Borrowers(lenders[order], borrowers[order], all_shares[order])

    def borrowed(self, rows: Rows, scores: Floats) -> tuple[Rows, Floats, Rows]:
        """Returns the new rows whose kin are in a list, ascending, their borrowed scores, and the strongest lender.

        rows, scores: a source's list. A new row's score is the mean of its kin's, weighted by likeness, 0 for those
        outside the list. lender: int32, index into rows.
        """
        table = self._table
        first = np.searchsorted(table.lenders, rows, "left")
        counts = np.searchsorted(table.lenders, rows, "right") - first
        place = np.repeat(np.arange(len(rows)), counts)
        entry = np.repeat(first - np.concatenate(([0], np.cumsum(counts)[:-1])), counts) + np.arange(
            len(place)
        )
        lent = scores[place] * table.shares[entry]
        found, borrower = np.unique(table.borrowers[entry], return_inverse=True)
        total = np.bincount(borrower, lent, len(found)).astype(np.float32)
        strongest = np.lexsort((lent, borrower))
        last = np.flatnonzero(np.diff(borrower[strongest], append=len(found)))
        return found, total, place[strongest][last].astype(np.int32)


def find_kin(
    rows: Rows,
    item_vectors: Floats,
    title_embeddings: Floats,
    search: Callable[[Floats, int], tuple[Rows, Floats]],
) -> tuple[Rows, Floats]:
    """Returns the KIN_MAX catalogue rows most like each of n rows, int32[n, KIN_MAX], and their likeness, best first.

    Among the nearest by the model's vector, those whose text is most alike; by the vector alone where a row has no
    text. Places that stay empty have likeness 0. search: (vector, k) to rows and similarities, over the catalogue.
    """
    kin = np.zeros((len(rows), KIN_MAX), np.int32)
    likeness = np.zeros((len(rows), KIN_MAX), np.float32)
    for place, row in enumerate(rows.tolist()):
        near, alike = search(item_vectors[row], NEAREST_MAX)
        if title_embeddings[row].any():
            alike = title_embeddings[near] @ title_embeddings[row]
        best = np.argsort(-alike, kind="stable")[:KIN_MAX]
        kin[place, : len(best)], likeness[place, : len(best)] = near[best], alike[best]
    return kin, likeness
