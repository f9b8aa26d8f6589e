"""Which catalogue items a new item is like, so that it can borrow what is known of them until the next release."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ext import top_k

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]

KIN_MAX = 3
"""Catalogue items that a new item borrows from."""

COMPARED_ROWS_MAX = 200_000
"""Rows whose text a new item's is compared with: all of a catalogue up to this size, else those of its category."""

_SHARE_MIN = 1e-12

LIKENESS_EXPONENT = 4
"""Sharpens the cosine: of a copy and of two items that merely share words, the copy counts."""


class _Borrowers(NamedTuple):
    """Sorted by lender: lenders int32[n], borrowers int32[n] (new rows), shares float32[n]."""

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
        """Makes n new rows borrow from their kin, int32[n, k], by likeness, float32[n, k]."""
        shares = shares_of(likeness)
        lends = shares > 0
        others = ~np.isin(self._table.borrowers, rows)
        lenders = np.concatenate((self._table.lenders[others], kin[lends]))
        borrowers = np.concatenate((self._table.borrowers[others], np.repeat(rows, lends.sum(axis=1))))
        all_shares = np.concatenate((self._table.shares[others], shares[lends])).astype(np.float32)
        order = np.argsort(lenders, kind="stable")
        self._table = _Borrowers(lenders[order], borrowers[order], all_shares[order])

    def borrowed(self, rows: Rows, scores: Floats) -> tuple[Rows, Floats, Rows]:
        """Returns the new rows whose kin are in a list, ascending, their borrowed scores, and the strongest lender.

        rows, scores: a source's list. A new row's score is the sum of its kin's times their shares, 0 for those
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


def shares_of(likeness: Floats) -> Floats:
    """Returns what each kin lends, float32[n, k]: sharpened, and adding up to the likeness of the best.

    likeness: cosines, float32[n, k], best first; 0 or less lends nothing.
    """
    sharp = np.maximum(likeness, 0) ** LIKENESS_EXPONENT
    return np.asarray(
        np.clip(likeness[:, :1], 0, 1) * sharp / np.maximum(sharp.sum(axis=1, keepdims=True), _SHARE_MIN),
        np.float32,
    )


def find_kin(text: Floats, title_embeddings: NDArray[np.float16], compared: Rows) -> tuple[Rows, Floats]:
    """Returns the rows among `compared` whose text is most like a text, and how like, best first.

    text: float32[T], unit length or zero, as title_embeddings, float16[N, T]. kin int32[KIN_MAX], likeness float32[KIN_MAX]:
    cosines; 0 at places that stay empty, and for a text that is empty.
    """
    kin, likeness = np.zeros(KIN_MAX, np.int32), np.zeros(KIN_MAX, np.float32)
    alike = np.asarray(title_embeddings[compared].astype(np.float32) @ text, np.float32)
    best = top_k(alike, KIN_MAX)
    kin[: len(best)], likeness[: len(best)] = compared[best], alike[best]
    return kin, likeness
