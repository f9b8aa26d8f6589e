"""Co-occurrence, closed-form weights and their mix end in one table."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from offline.candidates.collaborative import CollaborativeOptions, cosine_by_candidate, neighbour_table
from offline.candidates.ease import EaseOptions, ease_by_candidate
from offline.candidates.interactions import Interactions, baskets
from offline.candidates.neighbours import (
    NeighbourMethod,
    NeighbourOptions,
    candidate_recency,
    make_neighbours,
)
from tests.support.interactions import interactions

DAY = 86_400
PLAIN = CollaborativeOptions(half_life_days=None)
COSINE = NeighbourOptions(collaborative=PLAIN)
EASE = replace(COSINE, method=NeighbourMethod.EASE)
MIX = replace(COSINE, method=NeighbourMethod.MIX)


def shop() -> Interactions:
    rng = np.random.default_rng(3)
    return interactions(
        sorted({(u, int(i), int(i) * DAY) for u in range(80) for i in rng.integers(0, 25, 6)}), items=25
    )


def dense(options: NeighbourOptions, events: Interactions | None = None) -> np.ndarray:
    table = make_neighbours(shop() if events is None else events, 30 * DAY, options)
    return table.matrix().toarray()


def test_cosine_is_the_table_of_co_occurrence() -> None:
    assert dense(COSINE) == pytest.approx(neighbour_table(shop(), 30 * DAY, PLAIN).matrix().toarray())


def test_a_mix_is_the_mean_of_both_at_equal_mass() -> None:
    cosine = cosine_by_candidate(shop(), 30 * DAY, PLAIN).toarray()
    ease = ease_by_candidate(shop(), 30 * DAY, PLAIN, EaseOptions()).toarray()

    expected = (0.5 * cosine / cosine.sum() + 0.5 * ease / ease.sum()) * len(cosine)

    assert dense(MIX) == pytest.approx(expected.T, rel=1e-4)


@pytest.mark.parametrize("options", [COSINE, EASE, MIX])
def test_every_table_is_sorted_and_positive(options: NeighbourOptions) -> None:
    table = make_neighbours(shop(), 30 * DAY, options)

    assert np.all(table.weights > 0)
    for start, stop in zip(table.offsets[:-1], table.offsets[1:], strict=True):
        order = np.lexsort((table.rows[start:stop], -table.weights[start:stop]))
        assert order.tolist() == list(range(stop - start))


def test_recency_multiplies_a_candidate_wherever_it_is_a_neighbour() -> None:
    recency = candidate_recency(shop(), 30 * DAY)
    assert recency[-1] > recency[0] > 0

    assert dense(replace(MIX, recency_exponent=0.5)) == pytest.approx(
        dense(MIX) * np.sqrt(recency)[None, :], rel=1e-4
    )


def test_a_large_catalogue_has_cosine_neighbours_and_a_message(caplog: pytest.LogCaptureFixture) -> None:
    small = replace(MIX, ease=EaseOptions(items_max=24))

    with caplog.at_level(logging.WARNING):
        found = dense(small)

    assert found == pytest.approx(dense(COSINE))
    assert "25 items have events, more than neighbours.ease_items_max = 24" in caplog.text


def test_items_of_one_visit_weigh_more_where_baskets_count() -> None:
    events = interactions([(0, 0, 0), (0, 1, 60), (0, 2, DAY)])
    assert baskets(events).users.tolist() == [0, 0, 1]

    weights = dense(replace(COSINE, collaborative=replace(PLAIN, basket_weight=1.0)), events)

    assert weights[0, 1] == pytest.approx(1 / 3 + 1 / 2)
    assert weights[0, 2] == pytest.approx(1 / 3)
