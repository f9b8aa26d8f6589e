"""The ranker on lists in which one cross feature tells everything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from offline.model.blend_head import install_blend
from offline.model.candidate_lists import BlendOptions, CandidateList
from offline.model.ranker_training import RankerOptions, fit_ranker
from offline.model.training import EpochReport
from offline.model.two_tower import TwoTowerModel
from server.features.declarations import CROSS_FEATURES

TELLING = CROSS_FEATURES.index("price_in_range")
SOURCES = [
    CROSS_FEATURES.index(name) for name in ("collaborative_score", "embedding_score", "popularity_score")
]
OPTIONS = RankerOptions(epochs_max=60, batch_lists=8, learning_rate=0.02)


def make_lists(count: int = 40, length: int = 50, seed: int = 0) -> list[CandidateList]:
    """Lists in which the chosen candidates are those whose telling feature is 1; dot and blend are noise."""
    rng = np.random.default_rng(seed)
    lists = []
    for _ in range(count):
        cross = rng.uniform(size=(length, len(CROSS_FEATURES))).astype(np.float32)
        chosen = np.arange(length) < 3
        cross[:, TELLING] = chosen
        order = rng.permutation(length)
        dot, blend = rng.normal(size=(2, length)).astype(np.float32)
        lists.append(
            CandidateList(np.arange(length, dtype=np.int32), cross[order], dot, blend, chosen[order])
        )
    return lists


def test_the_ranker_finds_the_feature_that_tells_and_beats_the_blend() -> None:
    fitted = fit_ranker(make_lists(), 4.0, OPTIONS, lambda _: None)
    assert fitted is not None
    assert fitted.quality.recall > 0.95
    assert fitted.quality.target > fitted.blend_quality.target


def test_scores_of_served_candidates_lie_around_one_half() -> None:
    lists = make_lists()
    fitted = fit_ranker(lists, 4.0, OPTIONS, lambda _: None)
    assert fitted is not None
    served = []
    with torch.inference_mode():
        for found in lists:
            logits = torch.from_numpy(found.dot) * fitted.dot_scale + fitted.head(
                torch.from_numpy(found.cross)
            )
            served.append((logits + fitted.score_bias).topk(20).values)
    assert abs(float(torch.stack(served).mean())) < 1e-3


def test_installing_gives_the_model_the_same_numbers() -> None:
    fitted = fit_ranker(make_lists(10), 4.0, RankerOptions(epochs_max=2), lambda _: None)
    assert fitted is not None
    model = TwoTowerModel(item_count=3)
    fitted.install(model)
    assert model.dot_scale.item() == np.float32(fitted.dot_scale)
    assert torch.equal(model.head.linear1.weight, fitted.head.linear1.weight)


def test_lists_of_different_lengths_and_without_a_choice_are_borne() -> None:
    short, nothing = make_lists(6, length=9), make_lists(3, length=30)
    empty = [CandidateList(n.rows, n.cross, n.dot, n.blend, np.zeros(30, bool)) for n in nothing]
    fitted = fit_ranker([*short, *empty, *make_lists(6)], 4.0, RankerOptions(epochs_max=2), lambda _: None)
    assert fitted is not None
    assert fitted.lists == 12


def test_a_ranker_that_loses_against_the_blend_gives_way_to_it() -> None:
    lists = [
        replace(found, cross=np.random.default_rng(at).uniform(size=found.cross.shape).astype(np.float32))
        for at, found in enumerate(make_lists())
    ]
    weights = (0.5, 0.3, 0.2)
    for found in lists:
        found.cross[:, SOURCES] += found.chosen[:, None] * np.array([0.3, 0.3, 0.3], np.float32)
        found.blend[:] = found.cross[:, SOURCES] @ np.array(weights, np.float32)
    fitted = fit_ranker(lists, 4.0, RankerOptions(epochs_max=1, learning_rate=1e-9), lambda _: None, weights)
    assert fitted is not None
    assert fitted.quality == fitted.blend_quality
    assert fitted.dot_scale == 0
    with torch.inference_mode():
        for found in lists:
            order = np.argsort(-fitted.head(torch.from_numpy(found.cross)).numpy())
            np.testing.assert_allclose(found.blend[order], np.sort(found.blend)[::-1], atol=1e-5)


def test_a_ranker_that_loses_against_a_source_alone_gives_way_to_the_blend() -> None:
    rng = np.random.default_rng(5)
    lists = make_lists()
    for found in lists:
        found.cross[:] = rng.uniform(size=found.cross.shape)
        found.cross[:, SOURCES[0]] += found.chosen
    # A blend of the two sources that know nothing: the ranker beats it, and not the source that knows.
    weights = (0.0, 0.5, 0.5)
    options = RankerOptions(epochs_max=1, learning_rate=1e-9)
    fitted = fit_ranker(lists, 4.0, options, lambda _: None, weights)
    assert fitted is not None
    assert fitted.dot_scale == 0
    chosen = fit_ranker(lists, 4.0, options, lambda _: None, weights, choose_blend=True)
    assert chosen is not None
    assert chosen.blend.weights[0] >= 0.5
    assert chosen.blend_quality.target > fitted.blend_quality.target


def test_without_a_ranker_a_model_ranks_as_the_blend_does() -> None:
    model = TwoTowerModel(item_count=3)
    install_blend(model, (0.4, 0.4, 0.2))
    cross = torch.zeros(2, len(CROSS_FEATURES))
    cross[0, SOURCES] = torch.tensor([1.0, 0.5, 0.0])
    cross[1, SOURCES] = torch.tensor([0.5, 0.0, 1.0])
    np.testing.assert_allclose(model.head(cross).detach(), [4 * 0.6, 4 * 0.4], rtol=1e-6)
    assert model.dot_scale.item() == 0
    install_blend(model, (1.0, 0.0, 0.0))
    cross[0, SOURCES[0]] = cross[1, SOURCES[0]] = 0
    first, second = model.head(cross).detach().tolist()
    assert second > first


def test_nothing_to_learn_from_gives_no_ranker() -> None:
    assert fit_ranker([], 4.0, OPTIONS, lambda _: None) is None


def test_the_same_seed_gives_the_same_head() -> None:
    reports: list[EpochReport] = []
    first, second = (
        fit_ranker(make_lists(12), 4.0, RankerOptions(epochs_max=3), reports.append) for _ in range(2)
    )
    assert first is not None
    assert second is not None
    assert torch.equal(first.head.linear1.weight, second.head.linear1.weight)
    assert {report.stage for report in reports} == {"ranker"}


def test_quotas_follow_the_weights() -> None:
    options = BlendOptions.of((0.4, 0.4, 0.2), 500, 60.0)
    assert options.quotas == (200, 200, 100)
    assert options.limit == 500
