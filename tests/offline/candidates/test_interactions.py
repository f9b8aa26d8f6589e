"""Distinct pairs, caps and decay."""

import numpy as np
import pytest

from offline.candidates.interactions import decay, distinct_pairs, latest_pairs
from server.features.event_types import EventType
from tests.support.interactions import interactions


def test_a_pair_keeps_its_latest_time_and_its_largest_weight() -> None:
    events = interactions(
        [(0, 1, 50, EventType.PURCHASE), (0, 1, 90, EventType.VIEW), (0, 0, 10, EventType.VIEW)]
    )

    pairs = distinct_pairs(events, {EventType.VIEW: 1.0, EventType.PURCHASE: 5.0})

    assert pairs.users.tolist() == [0, 0]
    assert pairs.item_rows.tolist() == [0, 1]
    assert pairs.latest_s.tolist() == [10, 90]
    assert pairs.weights.tolist() == [1.0, 5.0]


def test_without_weights_every_event_type_counts_one() -> None:
    pairs = distinct_pairs(interactions([(0, 0, 1, EventType.PURCHASE), (1, 0, 1, EventType.VIEW)]))

    assert pairs.weights.tolist() == [1.0, 1.0]


def test_no_events_give_no_pairs() -> None:
    assert distinct_pairs(interactions([])).users.size == 0


def test_the_cap_keeps_the_latest_items_of_each_user_and_breaks_ties_by_row() -> None:
    events = interactions([(0, 2, 5), (0, 0, 7), (0, 1, 5), (1, 2, 1)])

    pairs = latest_pairs(distinct_pairs(events), 2)

    assert list(zip(pairs.users.tolist(), pairs.item_rows.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 2)]


def test_weight_halves_in_a_half_life_and_never_exceeds_one() -> None:
    day = 86_400
    assert decay(np.array([0, 10 * day, 30 * day]), 10 * day, 10.0) == pytest.approx([0.5, 1.0, 1.0])


def test_without_a_half_life_age_does_not_matter() -> None:
    assert decay(np.array([0, 5]), 10.0, None).tolist() == [1.0, 1.0]
