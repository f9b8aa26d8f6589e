"""What makes a list good beside its hits: variety, news, surprise, balance. Vectorised over users.

Every function takes ranked i32[users, k], item rows, best first, -1 where a list is short, and returns f64[users],
NaN for a user of whom it cannot say anything. Categories are i32[items] codes, -1 for an item that has none.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.evaluation.metrics import hit_matrix

CALIBRATION_SMOOTHING = 0.01
"""How much of the user's own mix is mixed into the list's, so that a category it lacks costs a finite amount."""

Rows = NDArray[np.int32]
Values = NDArray[np.float64]


def category_diversity(ranked: Rows, categories: Rows) -> Values:
    """Returns 1 - the share of a list's pairs of items that are of the same category; NaN below two items.

    An item without a category is similar to nothing. Intra-list similarity of Ziegler, McNee, Konstan & Lausen,
    "Improving Recommendation Lists Through Topic Diversification", WWW 2005, with similarity 1 within a category.
    """
    lengths = (ranked >= 0).sum(axis=1)
    same = _category_counts(ranked, categories)
    same.data = same.data * (same.data - 1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        diversity = 1.0 - _row_sums(same) / (lengths * (lengths - 1) / 2)
    return np.where(lengths >= 2, diversity, np.nan)


def novelty(ranked: Rows, popularity: Values) -> Values:
    """Returns the mean of -log2(popularity) of a list's items, in bits; NaN for an empty list.

    popularity: f64[items], the share of all users who had the item in train, above 0. Zhou, Kuscsik, Liu, Medo,
    Wakeling & Zhang, "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010.
    """
    shown = ranked >= 0
    bits = np.where(shown, -np.log2(popularity)[ranked], 0.0).sum(axis=1)
    lengths = shown.sum(axis=1)
    return np.where(lengths > 0, bits / np.maximum(lengths, 1), np.nan)


def serendipity(ranked: Rows, relevant: sp.csr_matrix, expected: Rows) -> Values:
    """Returns |relevant items of the list that are not in the user's expected list| / k.

    expected: i32[users, any], what a primitive method shows, here the popularity baseline. Ge, Delgado-Battenfeld &
    Jannach, "Beyond Accuracy", RecSys 2010, over the whole list as in Kaminskas & Bridge, "Diversity, Serendipity,
    Novelty, and Coverage", ACM TiiS 2016.
    """
    items = relevant.shape[1]
    users, places = np.nonzero(expected >= 0)
    matrix = sp.csr_matrix(
        (np.ones(users.size), (users, expected[users, places])), shape=(ranked.shape[0], items)
    )
    surprising = hit_matrix(ranked, relevant) & ~hit_matrix(ranked, matrix)
    return np.asarray(surprising.sum(axis=1) / ranked.shape[1])


def miscalibration(ranked: Rows, histories: sp.csr_matrix, categories: Rows) -> Values:
    """Returns how far a list's mix of categories is from that of the user's history: 0 = the same, in nats.

    KL(p || q') with p(c) the share of category c among the user's distinct items, q(c) that of the list and
    q' = (1 - a) q + a p, a = CALIBRATION_SMOOTHING; at most log(1 / a) = 4.6. Items without a category count in
    neither; NaN where nothing else is left of one. Steck, "Calibrated Recommendations", RecSys 2018, with equal weights.
    histories: (users x items), a stored entry for each distinct item.
    """
    categorised = categories >= 0
    membership = sp.csr_matrix(
        (np.ones(np.count_nonzero(categorised)), (np.flatnonzero(categorised), categories[categorised])),
        shape=(categories.size, _category_total(categories)),
    )
    wanted, shown = histories.sign() @ membership, _category_counts(ranked, categories)
    wanted_sums, shown_sums = _row_sums(wanted), _row_sums(shown)
    defined = (wanted_sums > 0) & (shown_sums > 0)
    p = sp.diags(1 / np.maximum(wanted_sums, 1)) @ wanted
    q = sp.diags(1 / np.maximum(shown_sums, 1)) @ shown
    pairs = p.tocoo()
    there = np.asarray(q.tocsr()[pairs.row, pairs.col]).ravel() if pairs.nnz else np.empty(0)
    smoothed = (1 - CALIBRATION_SMOOTHING) * there + CALIBRATION_SMOOTHING * pairs.data
    terms = pairs.data * np.log(pairs.data / smoothed)
    divergence = np.bincount(pairs.row, terms, minlength=ranked.shape[0])
    return np.where(defined, np.maximum(divergence, 0.0), np.nan)


def _category_counts(ranked: Rows, categories: Rows) -> sp.csr_matrix:
    """Returns csr[users, categories]: how many items of the list each category has."""
    codes = np.where(ranked >= 0, categories[ranked], -1)
    users, places = np.nonzero(codes >= 0)
    counts = sp.csr_matrix(
        (np.ones(users.size), (users, codes[users, places])),
        shape=(ranked.shape[0], _category_total(categories)),
    )
    counts.sum_duplicates()
    return counts


def _category_total(categories: Rows) -> int:
    return int(categories.max(initial=0)) + 1


def _row_sums(matrix: sp.csr_matrix) -> Values:
    return np.asarray(matrix.sum(axis=1), np.float64).ravel()
