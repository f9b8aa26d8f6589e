"""The neighbour table against the definition written out in dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.candidates.collaborative import CollaborativeOptions, NeighbourTable, neighbour_table
from offline.candidates.interactions import Interactions
from server.features.event_types import EVENT_WEIGHTS, EventType
from tests.support.interactions import interactions

PLAIN = CollaborativeOptions(half_life_days=None)
DAY = 86_400


def dense(table: NeighbourTable) -> np.ndarray:
    return table.matrix().toarray()


def by_definition(events: Interactions, options: CollaborativeOptions) -> np.ndarray:
    """(history item x candidate): C with the best neighbours_max entries of each candidate, ties by history row."""
    x = np.zeros((events.user_count, events.item_count))
    x[events.users, events.item_rows] = 1.0
    with np.errstate(divide="ignore"):
        du = np.where(x.sum(1) > 0, x.sum(1) ** -options.user_exponent, 0.0)
        di = np.where(x.sum(0) > 0, x.sum(0) ** -options.item_exponent, 0.0)
    r = du[:, None] * x * di[None, :]
    c = r.T @ r
    np.fill_diagonal(c, 0.0)
    for candidate in range(events.item_count):
        ranked = np.argsort(-np.round(c[:, candidate], 12), kind="stable")
        c[ranked[options.neighbours_max :], candidate] = 0.0
    return c


def test_two_items_of_one_user_are_neighbours_by_the_formula() -> None:
    table = neighbour_table(interactions([(0, 0), (0, 1)]), 0, PLAIN)

    assert table.offsets.tolist() == [0, 1, 2]
    assert table.rows.tolist() == [1, 0]
    assert table.weights == pytest.approx([0.5, 0.5])  # 1 / length^(2 * .5)


def test_entries_of_a_history_item_stand_by_weight_then_row() -> None:
    together_often = [(0, 0), (0, 2), (1, 0), (1, 2)]
    once = [(2, 0), (2, 1), (3, 0), (3, 3)]
    table = neighbour_table(interactions(together_often + once), 0, PLAIN)

    assert table.rows[: table.offsets[1]].tolist() == [2, 1, 3]
    assert np.all(np.diff(table.weights[: table.offsets[1]]) <= 0)


def test_the_candidate_chooses_its_neighbours_not_the_history_item() -> None:
    # Item 0 is bought with each of 1, 2 and 3; each of them knows nobody else, so all of them keep item 0.
    events = interactions([(u, i) for u, other in enumerate((1, 2, 3)) for i in (0, other)])

    table = neighbour_table(events, 0, CollaborativeOptions(half_life_days=None, neighbours_max=1))

    assert table.rows[: table.offsets[1]].tolist() == [1, 2, 3]
    assert np.count_nonzero(dense(table)[:, 0]) == 1


def test_older_pairs_weigh_less_and_counts_do_not_shrink_with_them() -> None:
    events = interactions([(0, 0, 0), (0, 1, 0), (1, 0, 10 * DAY), (1, 2, 10 * DAY)])

    weights = dense(neighbour_table(events, 10 * DAY, CollaborativeOptions(half_life_days=10.0)))

    assert weights[0, 1] == pytest.approx(weights[0, 2] / 4)  # half for each of the two events


def test_event_type_weights_are_a_knob() -> None:
    events = interactions([(0, 0, 0, EventType.VIEW), (0, 1, 0, EventType.VIEW), (1, 0, 0), (1, 2, 0)])

    weights = dense(
        neighbour_table(events, 0, CollaborativeOptions(half_life_days=None, type_weights=EVENT_WEIGHTS))
    )

    assert weights[0, 2] == pytest.approx(weights[0, 1] * 25)


def test_only_the_latest_items_of_a_history_count() -> None:
    events = interactions([(0, 0, 1), (0, 1, 2), (0, 2, 3)])

    table = neighbour_table(events, 3, CollaborativeOptions(half_life_days=None, history_items_max=2))

    assert np.flatnonzero(dense(table).any(axis=0)).tolist() == [1, 2]


def test_items_and_users_without_events_have_empty_rows() -> None:
    table = neighbour_table(interactions([(1, 1), (1, 3)], users=5, items=6), 0, PLAIN)

    assert np.diff(table.offsets).tolist() == [0, 1, 0, 1, 0, 0]


def test_no_events_give_an_empty_table() -> None:
    table = neighbour_table(interactions([], users=0, items=3), 0, PLAIN)

    assert table.offsets.tolist() == [0, 0, 0, 0]
    assert table.rows.size == 0


def test_types_are_those_of_the_release_format() -> None:
    table = neighbour_table(interactions([(0, 0), (0, 1)]), 0, PLAIN)

    assert (table.offsets.dtype, table.rows.dtype, table.weights.dtype) == (np.int64, np.int32, np.float32)


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    options = CollaborativeOptions(half_life_days=None, block_products_max=1)

    neighbour_table(interactions([(0, 0), (0, 1), (0, 2)]), 0, options, seen.append)

    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@settings(max_examples=50, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), min_size=1, max_size=60),
    neighbours_max=st.integers(1, 12),
    user_exponent=st.sampled_from([0.0, 0.5, 1.0]),
    block_products_max=st.sampled_from([1, 7, 1_000_000]),
)
def test_the_table_is_the_definition_whatever_the_blocks(
    pairs: list[tuple[int, int]], neighbours_max: int, user_exponent: float, block_products_max: int
) -> None:
    events = interactions(pairs, users=8, items=10)
    options = CollaborativeOptions(
        user_exponent,
        0.4,
        neighbours_max,
        half_life_days=None,
        block_products_max=block_products_max,
    )
    found = dense(neighbour_table(events, 0, options))
    expected = by_definition(events, options)

    # Equal weights may be cut either way by the last bit of a sum, so compare the kept weights of each candidate.
    assert np.sort(found, axis=0) == pytest.approx(np.sort(expected, axis=0), abs=1e-6)
