"""The methods that need no release: popularity and collaborative filtering, straight from the train events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.candidates.interactions import distinct_pairs, latest_pairs
from offline.candidates.neighbour_choice import NeighbourSearch, choose_neighbours
from offline.candidates.neighbours import NeighbourOptions, make_neighbours
from offline.candidates.popularity import PopularityOptions, popular_scores
from offline.evaluation.metrics import top_rows
from offline.evaluation.protocol import Method, Split

ScoreUsers = Callable[[NDArray[np.int32]], NDArray[np.floating]]
"""Scores for users (codes): [users, items]."""


def by_scores(split: Split, k: int, score_users: ScoreUsers) -> Method:
    """Returns the method that ranks all items by a score, ties by row, without what is masked in the split."""

    def rank(users: NDArray[np.int32]) -> NDArray[np.int32]:
        return top_rows(score_users(users), split.seen[users] if split.masked else None, k)

    return rank


def popularity_method(split: Split, k: int, options: PopularityOptions | None = None) -> Method:
    """Returns the method that shows everybody the same popular items."""
    half_life_days = (options or PopularityOptions()).half_life_days
    return by_item_scores(split, k, popular_scores(split.train, split.now_s, half_life_days))


def by_item_scores(split: Split, k: int, scores: NDArray[np.float64]) -> Method:
    """Returns the method that ranks by one score an item, f64[I], the same for all users."""
    return by_scores(split, k, lambda users: np.broadcast_to(scores, (users.size, scores.size)))


def collaborative_method(
    split: Split, k: int, options: NeighbourOptions | None = None, search: NeighbourSearch | None = None
) -> Method:
    """Returns the method score = history x table, where the history holds 1 for each of the latest distinct items.

    options: None = as `shortlist build` chooses them. search: what may be chosen; given with options, these are where
    the choice begins.
    """
    if options is None or search is not None:
        options = choose_neighbours(split.train, options, search).options
    table = make_neighbours(split.train, split.now_s, options).matrix()
    pairs = latest_pairs(distinct_pairs(split.train), options.collaborative.history_items_max)
    ones = np.ones(pairs.users.size, np.float32)
    history = sp.csr_matrix((ones, (pairs.users, pairs.item_rows)), shape=split.seen.shape)
    return by_scores(split, k, lambda users: (history[users] @ table).toarray())
