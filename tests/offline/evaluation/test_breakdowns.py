"""By user, by category, by popularity."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from offline.evaluation.breakdowns import NO_GROUP, group_shares, popularity_deciles, user_segments


def test_users_fall_into_segments_by_the_length_of_their_history() -> None:
    assert user_segments(np.array([1, 3, 4, 19, 20, 900])).tolist() == [0, 0, 1, 1, 2, 2]


def test_the_first_decile_is_the_tenth_that_most_users_had() -> None:
    counts = np.arange(20)

    deciles = popularity_deciles(counts)

    assert deciles[[19, 18, 1, 0]].tolist() == [0, 0, 9, 9]
    assert np.bincount(deciles).tolist() == [2] * 10


def test_equal_counts_fall_by_row() -> None:
    assert popularity_deciles(np.ones(10, np.int64)).tolist() == list(range(10))


def test_few_items_leave_deciles_empty() -> None:
    assert popularity_deciles(np.array([1, 9, 5])).tolist() == [6, 0, 3]


def test_groups_count_what_is_wanted_found_and_shown() -> None:
    relevant = sp.csr_matrix(np.array([[1, 1, 0, 0, 1], [0, 1, 0, 0, 0]]))
    groups = np.array([0, 0, 1, 1, NO_GROUP], np.int32)
    lists = {"good": np.array([[0, 2, 4], [1, -1, -1]], np.int32), "bad": np.array([[3], [3]], np.int32)}

    lamps, mugs = group_shares(lists, relevant, groups, ("lamps", "mugs"))

    assert (lamps.name, lamps.items, lamps.wanted) == ("lamps", 2, 3)
    assert (lamps.found, lamps.shown) == ({"good": 2, "bad": 0}, {"good": 2, "bad": 0})
    assert lamps.recall("good") == 2 / 3
    assert (mugs.wanted, mugs.shown) == (0, {"good": 1, "bad": 2})
    assert math.isnan(mugs.recall("good"))
