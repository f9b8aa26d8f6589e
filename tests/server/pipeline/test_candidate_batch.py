from __future__ import annotations

import numpy as np
import pytest

from server.errors import ContractBroken
from server.pipeline.candidate_batch import CandidateBatch
from tests.support.stage_contracts import batch_of


def test_keep_leaves_every_column_in_step() -> None:
    batch = batch_of([5, 6, 7]).with_features(np.arange(6, dtype=np.float32).reshape(3, 2))
    kept = batch.with_score(np.array([0.1, 0.2, 0.3], np.float32)).keep(np.array([True, False, True]))
    assert kept.rows.tolist() == [5, 7]
    assert kept.score.tolist() == pytest.approx([0.1, 0.3])
    assert kept.features is not None
    assert kept.features.tolist() == [[0, 1], [4, 5]]
    assert kept.blend.tolist() == batch.blend[[0, 2]].tolist()
    assert kept.nominated.shape == (2,)
    assert kept.source_scores.shape == (2, 5)


def test_take_puts_candidates_in_the_order_of_the_positions() -> None:
    assert batch_of([5, 6, 7]).take(np.array([2, 0])).rows.tolist() == [7, 5]


def test_unscored_candidates_are_ordered_by_the_blend() -> None:
    batch = batch_of([5, 6, 7]).take(np.array([1]))
    assert batch.score is batch.blend
    assert batch.priority is batch.score


def test_multiplier_touches_the_priority_and_not_the_score() -> None:
    batch = batch_of([5, 6]).with_score(np.array([0.4, 0.2], np.float32))
    boosted = batch.with_multiplier(np.array([1, 3], np.float32))
    assert boosted.score.tolist() == pytest.approx([0.4, 0.2])
    assert boosted.priority.tolist() == pytest.approx([0.4, 0.6])
    assert batch.priority.tolist() == pytest.approx([0.4, 0.2])


def test_join_appends() -> None:
    assert batch_of([5]).join(batch_of([9, 8])).rows.tolist() == [5, 9, 8]


def test_scored_batches_are_not_joined() -> None:
    scored = batch_of([5]).with_score(np.ones(1, np.float32))
    with pytest.raises(ContractBroken):
        scored.join(batch_of([6]))


def test_empty_batch_has_all_columns() -> None:
    batch = CandidateBatch.empty(3)
    assert len(batch) == 0
    assert batch.source_scores.shape == (0, 3)
