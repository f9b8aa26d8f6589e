"""The blend's weights on lists in which it is known which source tells what was chosen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ext import blend_candidates
from offline.model.blend_weights import LISTS_MIN, choose_weights
from offline.model.candidate_lists import CandidateList
from offline.model.padded_lists import PADDING, SOURCE_COLUMNS, pad
from server.features.declarations import CROSS_FEATURES

GIVEN = (0.4, 0.4, 0.2)


def make_lists(telling: tuple[float, float, float], count: int = 60, length: int = 80) -> list[CandidateList]:
    """Lists of three sources of noise; what was chosen has so much more of each one's score."""
    rng = np.random.default_rng(3)
    lists = []
    for _ in range(count):
        cross = np.zeros((length, len(CROSS_FEATURES)), np.float32)
        chosen = rng.permutation(length) < 4
        cross[:, SOURCE_COLUMNS] = rng.uniform(size=(length, 3)) + chosen[:, None] * np.array(telling)
        lists.append(
            CandidateList(
                np.arange(length, dtype=np.int32),
                cross,
                np.zeros(length, np.float32),
                np.zeros(length, np.float32),
                chosen,
            )
        )
    return lists


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_source_that_tells_gets_the_weight(at: int) -> None:
    telling = tuple(0.6 if source == at else 0.0 for source in range(3))
    lists = pad(make_lists((telling[0], telling[1], telling[2])))
    found = choose_weights(lists, GIVEN)
    assert found.weights[at] >= 0.7
    assert sum(found.weights) == pytest.approx(1)
    assert found.quality.target > found.given.target


def test_sources_that_tell_alike_are_better_together_than_alone() -> None:
    found = choose_weights(pad(make_lists((0.3, 0.3, 0.3))), (1.0, 0.0, 0.0))
    assert min(found.weights) > 0
    assert found.quality.target > found.given.target


def test_given_weights_stay_where_no_others_are_clearly_better() -> None:
    found = choose_weights(pad(make_lists((0.3, 0.3, 0.3))), (35.0, 35.0, 30.0))
    assert found.weights == pytest.approx((0.35, 0.35, 0.3))
    assert found.quality == found.given


def test_given_weights_stay_where_lists_are_few_or_nothing_is_to_be_chosen() -> None:
    lists = make_lists((0.0, 0.0, 0.9))
    assert choose_weights(pad(lists[: LISTS_MIN - 1]), GIVEN).weights == GIVEN
    assert choose_weights(pad(lists), GIVEN, choose=False).weights == GIVEN
    assert choose_weights(pad(lists[:LISTS_MIN]), GIVEN).weights != GIVEN


def test_lists_are_blended_as_the_serving_kernel_does() -> None:
    rng = np.random.default_rng(0)
    counts, total = (30, 30, 20), 80
    rows = np.concatenate([rng.permutation(50)[:count] for count in counts]).astype(np.int32)
    scores = np.sort(rng.uniform(size=total).astype(np.float32))[::-1].copy()
    weights = (0.6, 0.3, 0.1)
    found, blend, _, source_scores = blend_candidates(
        rows,
        scores,
        np.array([0, 30, 60, 80], np.int32),
        np.array(weights, np.float32),
        np.array(counts, np.int32),
        total,
        np.full(50, -1, np.int32),
    )
    cross = np.zeros((len(found), len(CROSS_FEATURES)), np.float32)
    cross[:, SOURCE_COLUMNS] = source_scores
    one = CandidateList(found, cross, blend, blend, np.arange(len(found)) < 3)
    longer = CandidateList(
        *(np.concatenate([part, part]) for part in (found, cross, blend, blend, one.chosen))
    )
    blended = pad([one, longer]).blend(weights)
    np.testing.assert_allclose(blended[0, : len(found)], blend, atol=1e-6)
    assert torch.all(blended[0, len(found) :] == PADDING)
