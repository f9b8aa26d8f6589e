"""Ids alone: trained towers learn what is popular and no more, so factors have to take their place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offline.candidates.interactions import Interactions
from offline.model.factor_towers import FactorOptions, item_factors
from offline.model.past_events import interactions_before
from offline.model.tower_fitting import FittedTowers, fit_towers
from offline.model.training import EpochReport, TowerOptions, validation_start
from offline.model.training_data import TrainingData
from offline.model.validation import build_validation, measure_retrieval
from offline.model.vectors import item_vectors, user_vectors
from server.features.declarations import VECTOR_DIMS
from tests.support.plain_training import ITEMS, plain_training_data

OPTIONS = TowerOptions(epochs_max=1, negatives=256)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return plain_training_data()


@pytest.fixture(scope="module")
def reports() -> list[EpochReport]:
    return []


@pytest.fixture(scope="module")
def fitted(data: TrainingData, reports: list[EpochReport]) -> FittedTowers:
    return fit_towers(data, OPTIONS, reports.append)


def vectors(data: TrainingData, fitted: FittedTowers) -> np.ndarray:
    return item_vectors(fitted.model, data.items.inputs_at(0, data.all_rows))


def test_the_embedding_clearly_beats_popularity(data: TrainingData, fitted: FittedTowers) -> None:
    assert fitted.held_out is not None
    cut_s = fitted.held_out.cut_s
    validation = build_validation(data, np.flatnonzero(data.times_s >= cut_s), 0, seed=0)
    assert validation is not None
    counts = np.bincount(interactions_before(data, cut_s).item_rows, minlength=ITEMS).astype(np.float32)
    alike = np.ones((len(validation.queries), 1), np.float32)
    popularity = measure_retrieval(alike, counts[:, None], validation)
    assert fitted.held_out.quality.target > 1.3 * popularity.target


def test_vectors_use_their_dimensions(data: TrainingData, fitted: FittedTowers) -> None:
    values = np.linalg.svd(vectors(data, fitted)[:-1], compute_uv=False) ** 2
    shares = values / values.sum()
    assert np.exp(-(shares * np.log(shares)).sum()) > VECTOR_DIMS / 3


def test_item_vectors_are_of_unit_length(data: TrainingData, fitted: FittedTowers) -> None:
    np.testing.assert_allclose(np.linalg.norm(vectors(data, fitted), axis=1), 1, atol=1e-5)


def test_an_item_that_nobody_took_comes_last(data: TrainingData, fitted: FittedTowers) -> None:
    known = np.flatnonzero(data.history_stop - data.history_start > 5)[:50]
    scores = user_vectors(fitted.model, data, known) @ vectors(data, fitted).T
    assert (scores[:, -1] < np.median(scores, axis=1)).all()


def test_the_towers_are_linear_in_the_factors_of_the_history(
    data: TrainingData, fitted: FittedTowers
) -> None:
    queries = np.flatnonzero(data.history_stop - data.history_start > 5)[:50]
    factors = item_factors(interactions_before(data, int(data.times_s.max()) + 1), FactorOptions())
    padded = np.vstack([factors, np.zeros(VECTOR_DIMS)])[data.histories(queries)]
    pooled = padded.sum(1) / (data.histories(queries) != ITEMS).sum(1, keepdims=True)
    users = user_vectors(fitted.model, data, queries)
    scale = (users[:, :-1] * pooled[:, :-1]).sum() / (pooled[:, :-1] ** 2).sum()
    np.testing.assert_allclose(users[:, :-1], scale * pooled[:, :-1], atol=1e-4)
    assert np.ptp(users[:, -1]) < 1e-4


def test_factors_are_taken_only_for_a_clear_gain(data: TrainingData) -> None:
    dear = replace(OPTIONS, factors=FactorOptions(gain_min=1e9))
    assert fit_towers(data, dear, lambda _: None).epochs > 0


def test_training_is_given_up_where_it_is_far_behind(data: TrainingData) -> None:
    reports: list[EpochReport] = []
    factors = FactorOptions(rival_epochs=1, rival_share_min=0.9)
    fitted = fit_towers(data, TowerOptions(epochs_max=5, factors=factors), reports.append)
    assert fitted.epochs == 0
    assert sum(report.stage == "validation" for report in reports) == 1


def test_a_file_of_less_than_a_day_has_a_validation_period() -> None:
    assert validation_start(np.arange(1_000), 30) == 799


def test_pairs_that_know_fewer_directions_than_there_are_dimensions_are_borne() -> None:
    users, items = (axis.ravel().astype(np.int32) for axis in np.meshgrid(np.arange(100), np.arange(100)))
    of_one_kind = users % 2 == items % 2
    count = np.count_nonzero(of_one_kind)
    events = Interactions(
        users[of_one_kind],
        items[of_one_kind],
        np.zeros(count, np.int64),
        np.zeros(count, np.uint8),
        np.zeros(count, np.uint8),
        100,
        100,
    )
    factors = item_factors(events, FactorOptions())
    assert np.isfinite(factors).all()
    kinds = factors[:, :-1] @ factors[:, :-1].T
    assert kinds[0, 2] > kinds[0, 1]
