"""What makes a list good beside its hits, by hand and against the definitions written as loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.sparse as sp

from offline.evaluation.list_metrics import category_diversity, miscalibration, novelty, serendipity

LAMPS, MUGS, NONE = 0, 1, -1
CATEGORIES = np.array([LAMPS, LAMPS, LAMPS, MUGS, MUGS, NONE, NONE], np.int32)


def lists(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.int32)


def matrix(rows: list[list[int]], items: int = 7) -> sp.csr_matrix:
    dense = np.zeros((len(rows), items))
    for user, wanted in enumerate(rows):
        dense[user, wanted] = 1.0
    return sp.csr_matrix(dense)


def test_diversity_counts_the_pairs_of_one_category() -> None:
    # Of six pairs, two lamps and two mugs make one alike each; of three pairs of lamps, all.
    found = category_diversity(lists([0, 1, 3, 4], [0, 1, 2, -1]), CATEGORIES)

    assert found == pytest.approx([1 - 2 / 6, 0.0])


def test_items_without_a_category_are_like_nothing() -> None:
    assert category_diversity(lists([5, 6, 0]), CATEGORIES) == pytest.approx([1.0])


def test_one_item_has_no_diversity_to_speak_of() -> None:
    assert np.isnan(category_diversity(lists([0, -1], [-1, -1]), CATEGORIES)).all()


def test_diversity_is_that_of_a_loop_over_pairs() -> None:
    random = np.random.default_rng(5)
    categories = random.integers(-1, 4, 40).astype(np.int32)
    ranked = np.stack([random.permutation(40)[:9] for _ in range(30)]).astype(np.int32)

    expected = [
        1 - np.mean([categories[a] == categories[b] >= 0 for a, b in itertools.combinations(row, 2)])
        for row in ranked
    ]
    assert category_diversity(ranked, categories) == pytest.approx(expected)


def test_novelty_is_the_mean_of_the_items_bits() -> None:
    popularity = np.array([1.0, 0.5, 0.125, 1, 1, 1, 1])

    found = novelty(lists([0, 1, 2], [2, -1, -1], [-1, -1, -1]), popularity)

    assert found[:2] == pytest.approx([(0 + 1 + 3) / 3, 3.0])
    assert math.isnan(found[2])


def test_serendipity_leaves_out_hits_that_everybody_is_shown() -> None:
    ranked, expected = lists([0, 1, 2, 3]), lists([1, 5, -1])

    found = serendipity(ranked, matrix([[0, 1, 6]]), expected)

    assert found == pytest.approx([1 / 4])


def test_what_another_user_expects_does_not_count() -> None:
    ranked, expected = lists([0], [0]), lists([0], [1])

    assert serendipity(ranked, matrix([[0], [0]]), expected).tolist() == [0.0, 1.0]


def test_a_list_of_the_users_own_mix_is_calibrated() -> None:
    found = miscalibration(lists([1, 4, 5]), matrix([[0, 3, 6]]), CATEGORIES)

    assert found == pytest.approx([0.0], abs=1e-12)


def test_miscalibration_by_hand() -> None:
    # History: three quarters lamps. The list: half.
    found = miscalibration(lists([1, 4]), matrix([[0, 1, 2, 3]]), CATEGORIES)

    shown_lamps, shown_mugs = 0.99 * 0.5 + 0.01 * 0.75, 0.99 * 0.5 + 0.01 * 0.25
    expected = 0.75 * math.log(0.75 / shown_lamps) + 0.25 * math.log(0.25 / shown_mugs)
    assert found == pytest.approx([expected])


def test_a_list_that_lacks_the_users_only_category_is_as_far_as_can_be() -> None:
    assert miscalibration(lists([3]), matrix([[0]]), CATEGORIES) == pytest.approx([math.log(100)])


@pytest.mark.parametrize(("ranked", "history"), [([5], [0]), ([0], [5]), ([-1], [0])])
def test_without_categories_nothing_is_said_of_calibration(ranked: list[int], history: list[int]) -> None:
    assert np.isnan(miscalibration(lists(ranked), matrix([history]), CATEGORIES)).all()
