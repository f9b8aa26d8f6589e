"""Metrics by hand, and against ir-measures."""

from __future__ import annotations

import math

import ir_measures
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Success, nDCG

from offline.evaluation.metrics import ranking_metrics, top_rows


def relevant(rows: list[list[int]], items: int) -> sp.csr_matrix:
    dense = np.zeros((len(rows), items))
    for user, wanted in enumerate(rows):
        dense[user, wanted] = 1.0
    return sp.csr_matrix(dense)


def test_a_list_worked_by_hand() -> None:
    # Hits at positions 0 and 2 of 4; three relevant items.
    ranked = np.array([[5, 1, 3, 2]], np.int32)

    found = ranking_metrics(ranked, relevant([[5, 3, 7]], 10))

    assert found.precision == pytest.approx(2 / 4)
    assert found.recall == pytest.approx(2 / 3)
    assert found.hit_rate == 1.0
    assert found.map == pytest.approx((1 / 1 + 2 / 3) / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert found.ndcg == pytest.approx((1 + 1 / 2) / ideal)
    assert found.coverage == pytest.approx(4 / 10)


def test_more_relevant_items_than_places_can_still_be_perfect() -> None:
    found = ranking_metrics(np.array([[0, 1]], np.int32), relevant([[0, 1, 2, 3]], 4))

    assert (found.ndcg, found.map, found.precision) == pytest.approx((1.0, 1.0, 1.0))
    assert found.recall == pytest.approx(0.5)


def test_users_count_equally() -> None:
    ranked = np.array([[0, 1], [2, 3]], np.int32)

    found = ranking_metrics(ranked, relevant([[0], [0, 1]], 4))

    assert found.hit_rate == 0.5
    assert found.mrr == 0.5
    assert found.recall == 0.5
    assert found.coverage == 1.0


def test_a_short_list_counts_its_empty_places_as_misses() -> None:
    found = ranking_metrics(np.array([[1, -1, -1, -1]], np.int32), relevant([[1]], 4))

    assert found.precision == 0.25
    assert found.recall == found.ndcg == 1.0
    assert found.coverage == 0.25


def test_a_user_without_relevant_items_is_refused() -> None:
    with pytest.raises(ValueError, match="relevant"):
        ranking_metrics(np.array([[0], [1]], np.int32), relevant([[0], []], 2))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_metrics_agree_with_ir_measures(data: st.DataObject) -> None:
    items, k = 12, data.draw(st.integers(1, 8))
    users = data.draw(st.integers(1, 5))
    ranked = np.array([data.draw(st.permutations(range(items)))[:k] for _ in range(users)], np.int32)
    wanted = [
        sorted(data.draw(st.sets(st.integers(0, items - 1), min_size=1, max_size=10))) for _ in range(users)
    ]
    qrels = {f"u{u}": {f"i{i}": 1 for i in rows} for u, rows in enumerate(wanted)}
    run = {f"u{u}": {f"i{i}": float(k - p) for p, i in enumerate(row)} for u, row in enumerate(ranked)}

    found = ranking_metrics(ranked, relevant(wanted, items))

    expected = ir_measures.calc_aggregate([P @ k, R @ k, nDCG @ k, Success @ k, RR @ k], qrels, run)
    assert found.precision == pytest.approx(expected[P @ k])
    assert found.recall == pytest.approx(expected[R @ k])
    assert found.ndcg == pytest.approx(expected[nDCG @ k])
    assert found.hit_rate == pytest.approx(expected[Success @ k])
    assert found.mrr == pytest.approx(expected[RR @ k])
    # ir-measures divides AP by all relevant items, the protocol by what fits into the list.
    by_user = {m.query_id: m.value for m in ir_measures.iter_calc([AP @ k], qrels, run)}
    rescaled = [by_user[f"u{u}"] * len(rows) / min(k, len(rows)) for u, rows in enumerate(wanted)]
    assert found.map == pytest.approx(np.mean(rescaled))


def test_ties_fall_to_the_lower_row() -> None:
    scores = np.array([[1.0, 2.0, 2.0, 2.0, 0.0]])

    assert top_rows(scores, None, 2).tolist() == [[1, 2]]
    assert top_rows(scores, None, 4).tolist() == [[1, 2, 3, 0]]


def test_masked_and_nan_items_are_never_ranked_and_leave_the_list_short() -> None:
    scores = np.array([[3.0, np.nan, 2.0], [1.0, 2.0, 3.0]])
    masked = sp.csr_matrix(np.array([[1.0, 0, 0], [0, 0, 0]]))

    assert top_rows(scores, masked, 3).tolist() == [[2, -1, -1], [2, 1, 0]]


def test_a_list_longer_than_the_catalogue_ends_in_nothing() -> None:
    assert top_rows(np.array([[1.0, 2.0]]), None, 3).tolist() == [[1, 0, -1]]


def test_ranking_does_not_change_the_scores() -> None:
    scores = np.array([[3.0, 2.0]])
    top_rows(scores, sp.csr_matrix(np.array([[1.0, 0.0]])), 1)

    assert scores.tolist() == [[3.0, 2.0]]
