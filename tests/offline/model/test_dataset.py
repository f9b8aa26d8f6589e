"""Weights of examples: repeats, positions and event types."""

from __future__ import annotations

import numpy as np
import pytest

from offline.model.dataset import is_repeat
from tests.support.two_clusters import build_two_clusters


def test_an_item_of_the_same_users_earlier_history_is_a_repeat() -> None:
    # User A's history is rows 0:4 (items 5 6 5 7), user B's is 4:6 (items 5 8).
    history = np.array([5, 6, 5, 7, 5, 8], np.int32)
    starts = np.array([0, 0, 0, 4, 4])
    stops = np.array([0, 2, 2, 5, 5])
    rows = np.array([5, 5, 7, 5, 8], np.int32)
    assert is_repeat(history, starts, stops, rows, item_count=9).tolist() == [False, True, False, True, False]


def test_nothing_repeats_an_empty_history() -> None:
    empty = np.empty(0, np.int32)
    zero = np.zeros(1, np.int64)
    assert is_repeat(empty, zero, zero, np.array([3], np.int32), 9).tolist() == [False]


def test_new_items_weigh_one_and_repeats_less() -> None:
    data = build_two_clusters().data
    first = data.example_weights[: data.example_offsets[1]]
    assert first.tolist() == [1.0, 1.0, 1.0]
    assert np.unique(data.example_weights).tolist() == pytest.approx([0.2, 1.0])


def test_a_query_sees_only_what_came_before_it() -> None:
    data = build_two_clusters().data
    for query in range(len(data.times_s)):
        seen = data.history.times_s[data.history_start[query] : data.history_stop[query]]
        assert (seen < data.times_s[query]).all()
