"""The towers on a shop whose right answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from offline.model.tower_fitting import FittedTowers, fit_towers
from offline.model.training import (
    EpochReport,
    TowerOptions,
    TowerTrainer,
    mute_constant_inputs,
    validation_start,
)
from offline.model.training_data import DAY_S
from offline.model.two_tower import Tower
from offline.model.validation import build_validation
from offline.model.vectors import item_vectors, user_vectors
from tests.support.two_clusters import DAYS, ITEMS_PER_CLUSTER, START_DAY, TwoClusters, build_two_clusters

OPTIONS = TowerOptions(
    validation_days=10, epochs_max=6, negatives=20, batch_queries_min=16, id_dropout=0.3, tower_decay=0.01
)
LAST_DAY = START_DAY + DAYS


@pytest.fixture(scope="module")
def shop() -> TwoClusters:
    return build_two_clusters()


@pytest.fixture(scope="module")
def reports() -> list[EpochReport]:
    return []


@pytest.fixture(scope="module")
def fitted(shop: TwoClusters, reports: list[EpochReport]) -> FittedTowers:
    return fit_towers(shop.data, OPTIONS, reports.append)


def test_users_are_nearest_to_the_items_of_their_cluster(shop: TwoClusters, fitted: FittedTowers) -> None:
    known = np.flatnonzero(shop.data.history_stop > shop.data.history_start)
    users = user_vectors(fitted.model, shop.data, known)
    items = item_vectors(fitted.model, shop.data.items.inputs_at(LAST_DAY, shop.data.all_rows))
    best = np.argsort(-(users @ items.T), axis=1)[:, : ITEMS_PER_CLUSTER // 2]
    right = shop.item_cluster[best] == shop.query_cluster[known][:, None]
    assert right.mean() > 0.95


def test_item_vectors_are_of_unit_length(shop: TwoClusters, fitted: FittedTowers) -> None:
    items = item_vectors(fitted.model, shop.data.items.inputs_at(LAST_DAY, shop.data.all_rows))
    np.testing.assert_allclose(np.linalg.norm(items, axis=1), 1, atol=1e-5)


def test_a_new_item_gets_a_vector_near_its_cluster_from_its_content(
    shop: TwoClusters, fitted: FittedTowers
) -> None:
    inputs = shop.data.items.inputs_at(LAST_DAY, shop.data.all_rows)
    items = item_vectors(fitted.model, inputs)
    with torch.inference_mode():
        new = fitted.model.item_vectors(torch.from_numpy(inputs[list(shop.unsold)])).numpy()
    sold = np.setdiff1d(shop.data.all_rows, shop.unsold)
    centres = np.stack([items[sold[shop.item_cluster[sold] == cluster]].mean(0) for cluster in (0, 1)])
    similar = new @ centres.T
    assert similar[0, 0] > similar[0, 1]
    assert similar[1, 1] > similar[1, 0]


def test_the_same_seed_gives_the_same_weights(shop: TwoClusters) -> None:
    options = replace(OPTIONS, epochs_max=1)
    first, second = (fit_towers(shop.data, options, lambda _: None).model for _ in range(2))
    other = fit_towers(shop.data, replace(options, seed=1), lambda _: None).model
    for name, weight in first.serving_weights().items():
        np.testing.assert_array_equal(weight, second.serving_weights()[name])
    assert not np.array_equal(first.history_embeddings(), other.history_embeddings())


def test_the_final_run_takes_the_epochs_that_validation_chose(
    fitted: FittedTowers, reports: list[EpochReport]
) -> None:
    qualities = [r.quality.target for r in reports if r.stage == "validation" and r.quality is not None]
    assert fitted.held_out is not None
    assert fitted.epochs == fitted.held_out.epochs == int(np.argmax(qualities)) + 1
    assert sum(r.stage == "final" for r in reports) == fitted.epochs


def test_training_stops_when_patience_is_used_up(shop: TwoClusters) -> None:
    reports: list[EpochReport] = []
    # A learning rate of next to nothing: no epoch is better than the first but by chance.
    options = replace(OPTIONS, epochs_max=30, patience=1, learning_rate=1e-12)
    fit_towers(shop.data, options, reports.append)
    assert sum(r.stage == "validation" for r in reports) < 30


def test_without_a_validation_period_all_epochs_are_run(shop: TwoClusters) -> None:
    one_day = np.full_like(shop.data.times_s, START_DAY * DAY_S)
    fitted = fit_towers(replace(shop.data, times_s=one_day), replace(OPTIONS, epochs_max=2), lambda _: None)
    assert fitted.held_out is None
    assert fitted.epochs == 2


def test_the_padding_embedding_stays_zero(fitted: FittedTowers) -> None:
    assert not fitted.model.id_embedding.weight[fitted.model.item_count].any()


def test_examples_weigh_by_recency_and_size_of_their_query(shop: TwoClusters) -> None:
    trainer = TowerTrainer(shop.data, np.arange(len(shop.data.times_s)), OPTIONS)
    oldest, newest = int(np.argmin(shop.data.times_s)), int(np.argmax(shop.data.times_s))
    _, _, weights = trainer.batch_examples(np.array([oldest, newest]))
    of_oldest = shop.data.example_offsets[oldest + 1] - shop.data.example_offsets[oldest]
    assert weights[: int(of_oldest)].max() < weights[int(of_oldest) :].max()


def test_validation_asks_for_new_items_only_and_each_user_once(shop: TwoClusters) -> None:
    cut = validation_start(shop.data.times_s, 10)
    later = np.flatnonzero(shop.data.times_s >= cut)
    validation = build_validation(shop.data, later, cut // DAY_S, seed=0)
    assert validation is not None
    assert validation.targets.multiply(validation.seen).nnz == 0
    owners = shop.data.history_start[validation.queries]
    assert len(np.unique(owners)) == len(owners)


def test_constant_inputs_are_muted_for_good() -> None:
    tower = Tower(3)
    mute_constant_inputs(tower, np.array([1.0, 0.0, 2.0], np.float32))
    optimizer = torch.optim.AdamW(tower.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        tower(torch.randn(8, 3)).sum().backward()
        optimizer.step()
    assert not tower.linear1.weight[:, 1].any()
    assert tower.linear1.weight[:, 0].any()
