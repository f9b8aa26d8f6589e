"""Ids alone: trained towers learn what is popular and no more, so factors have to take their place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offline.candidates.interactions import Interactions
from offline.model.factor_search import towers_of_factors
from offline.model.factor_towers import LENGTH_MIN, FactorForm, FactorOptions, factorise
from offline.model.past_events import interactions_before
from offline.model.tower_fitting import FittedTowers, fit_towers
from offline.model.training import EpochReport, TowerOptions, validation_start
from offline.model.training_data import DAY_S, TrainingData
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


def test_tastes_use_their_dimensions(data: TrainingData, fitted: FittedTowers) -> None:
    values = np.linalg.svd(vectors(data, fitted)[:-1, :-1], compute_uv=False) ** 2
    shares = values / values.sum()
    assert np.exp(-(shares * np.log(shares)).sum()) > VECTOR_DIMS / 2


def test_item_vectors_are_of_unit_length(data: TrainingData, fitted: FittedTowers) -> None:
    np.testing.assert_allclose(np.linalg.norm(vectors(data, fitted), axis=1), 1, atol=1e-5)


def test_an_item_that_nobody_took_comes_last(data: TrainingData, fitted: FittedTowers) -> None:
    known = np.flatnonzero(data.history_stop - data.history_start > 5)[:50]
    scores = user_vectors(fitted.model, data, known) @ vectors(data, fitted).T
    assert (scores[:, -1] < np.median(scores, axis=1)).all()


def test_the_towers_are_linear_in_the_factors_of_the_history(data: TrainingData) -> None:
    form = FactorForm(strength_exponent=0.5, tilt=0.2)
    now_s = int(data.times_s.max()) + 1
    queries = np.flatnonzero(data.history_stop - data.history_start > 5)[:50]
    factors = factorise(interactions_before(data, now_s), now_s, form, seed=0)
    padded = np.vstack([factors.embeddings(), np.zeros(VECTOR_DIMS)])[data.histories(queries)]
    pooled = padded.sum(1) / (data.histories(queries) != ITEMS).sum(1, keepdims=True)
    expected = pooled[:, :-1] * factors.strengths**0.5
    model = towers_of_factors(data, now_s, np.arange(len(data.times_s)), form, OPTIONS)
    users = user_vectors(model, data, queries)
    scale = (users[:, :-1] * expected).sum() / (expected**2).sum()
    np.testing.assert_allclose(users[:, :-1], scale * expected, atol=1e-4)
    np.testing.assert_allclose(users[:, -1], -0.2, atol=1e-4)


def test_an_item_weighs_its_true_factor_in_a_history(data: TrainingData) -> None:
    now_s = int(data.times_s.max()) + 1
    factors = factorise(interactions_before(data, now_s), now_s, FactorForm(), seed=0)
    rows = factors.embeddings()[:, :-1]
    known = factors.item_weights > 0
    expected = factors.directions[known] / factors.item_weights[known, None]
    np.testing.assert_allclose(
        rows[known] / np.abs(rows[known]).max(), expected / np.abs(expected).max(), atol=1e-9
    )


def test_the_longer_factors_are_the_larger_part_of_their_vectors(data: TrainingData) -> None:
    now_s = int(data.times_s.max()) + 1
    factors = factorise(interactions_before(data, now_s), now_s, FactorForm(), seed=0)
    known = np.flatnonzero(factors.item_weights > 0)
    rows = factors.embeddings()[known]
    parts = np.linalg.norm(rows[:, :-1], axis=1) / np.linalg.norm(rows, axis=1)
    asked = np.linalg.norm(factors.directions[known], axis=1) * factors.item_weights[known]
    assert (np.diff(parts[np.argsort(asked)]) >= -1e-9).all()
    assert parts.min() >= LENGTH_MIN - 1e-9
    assert parts.max() == pytest.approx(1)


def test_with_a_half_life_what_sold_long_ago_is_asked_for_less(data: TrainingData) -> None:
    events = interactions_before(data, int(data.times_s.max()) + 1)
    old = events.item_rows % 2 == 0
    events = replace(events, times_s=np.where(old, 0, 400 * DAY_S))

    def share_of_the_old(half_life_days: float | None) -> float:
        form = FactorForm(half_life_days=half_life_days)
        lengths = np.linalg.norm(factorise(events, 400.0 * DAY_S, form, seed=0).directions, axis=1)
        return float(lengths[::2].sum() / lengths.sum())

    assert share_of_the_old(None) == pytest.approx(0.5, abs=0.1)
    assert share_of_the_old(45.0) < 0.1


def test_half_lives_are_tried_where_the_events_span_one(data: TrainingData) -> None:
    knobs = OPTIONS.factors
    a_form = len(knobs.strength_exponents) * len(knobs.tilts)
    assert trials_of(data) == len(knobs.exponents) * a_form
    scale = 365 * DAY_S // int(data.times_s.max())
    history = replace(data.history, times_s=data.history.times_s * scale)
    longer = replace(data, history=history, times_s=data.times_s * scale)
    assert trials_of(longer) == (len(knobs.exponents) + len(knobs.half_lives_days) - 1) * a_form


def trials_of(data: TrainingData) -> int:
    reports: list[EpochReport] = []
    fit_towers(data, replace(OPTIONS, factors=FactorOptions(rival_epochs=1)), reports.append)
    return sum(report.stage == "factors" for report in reports)


def test_large_data_are_factored_once(data: TrainingData) -> None:
    reports: list[EpochReport] = []
    knobs = FactorOptions(trials_pairs_max=10)
    fit_towers(data, replace(OPTIONS, factors=knobs), reports.append)
    tried = [report for report in reports if report.stage == "factors"]
    assert len(tried) == len(knobs.strength_exponents) * len(knobs.tilts) == tried[0].epochs


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
    rows = factorise(events, 1.0, FactorForm(), seed=0).embeddings()
    assert np.isfinite(rows).all()
    kinds = rows[:, :-1] @ rows[:, :-1].T
    assert kinds[0, 2] > kinds[0, 1]
