"""Batches, histories and the encoding of queries."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offline.model.training_data import DAY_S, pad_histories, plan_batches, ranges
from server.features.declarations import POOLED_EVENTS_MAX


def test_ranges_lists_each_run() -> None:
    assert ranges(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
    assert ranges(np.empty(0, np.int64), np.empty(0, np.int64)).tolist() == []


def test_history_is_the_latest_known_rows_padded_at_the_end() -> None:
    rows = np.array([3, -1, 4, 5, 6], np.int32)
    padded = pad_histories(rows, np.array([0, 3]), np.array([4, 3]), padding=9)
    assert padded.shape == (2, POOLED_EVENTS_MAX)
    assert padded[0, :4].tolist() == [3, 4, 5, 9]
    assert (padded[1] == 9).all()


def test_a_long_history_keeps_the_newest() -> None:
    rows = np.arange(POOLED_EVENTS_MAX + 10, dtype=np.int32)
    padded = pad_histories(rows, np.array([0]), np.array([len(rows)]), padding=999)
    assert padded[0].tolist() == list(range(10, POOLED_EVENTS_MAX + 10))


@given(
    st.lists(st.integers(0, 20 * DAY_S), min_size=1, max_size=60),
    st.integers(1, 10),
    st.integers(1, 10),
)
def test_batches_hold_each_query_once_and_never_look_past_their_day(
    times: list[int], least: int, most: int
) -> None:
    times_s = np.array(times, np.int64)
    queries = np.arange(len(times), dtype=np.int64)
    batches = plan_batches(times_s, queries, least, most, np.random.default_rng(0))
    assert np.sort(np.concatenate([b.queries for b in batches])).tolist() == queries.tolist()
    for batch in batches:
        assert len(batch.queries) <= most
        assert (times_s[batch.queries] >= batch.day * DAY_S).all()


def test_small_days_are_joined_until_a_batch_is_large_enough() -> None:
    times_s = np.repeat(np.arange(6), 2) * DAY_S
    batches = plan_batches(times_s, np.arange(12), 4, 100, np.random.default_rng(0))
    assert sorted(len(b.queries) for b in batches) == [4, 4, 4]
