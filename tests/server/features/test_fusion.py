"""Lists are blended by score, or by place alone."""

from __future__ import annotations

import numpy as np
import pytest

from server.features.fusion import fused_scores

SCORES = np.array([9.0, 1.0, 0.5, 100.0, np.nan, 2.0], np.float32)
OFFSETS = np.array([0, 3, 3, 6], np.int32)


def test_scores_stay_as_they_are() -> None:
    assert fused_scores(SCORES, OFFSETS, "score") is SCORES


def test_ranks_are_counted_within_each_list_and_what_has_no_score_has_no_rank() -> None:
    expected = [1 / 61, 1 / 62, 1 / 63, 1 / 61, np.nan, 1 / 63]
    assert fused_scores(SCORES, OFFSETS, "rank") == pytest.approx(expected, nan_ok=True)


def test_empty_lists_are_empty() -> None:
    empty = np.empty(0, np.float32)
    assert len(fused_scores(empty, np.zeros(4, np.int32), "rank")) == 0
