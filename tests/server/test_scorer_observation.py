"""Scoring on a model server is seen in its request's trace."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from server.errors import ModelServerUnavailable
from server.inference.protocols import Floats
from server.scorer_observation import CALL_NAME, ObservedScorer
from server.telemetry.call import CURRENT, Call

SCORES = np.array([0.25, 0.5], np.float32)


class Scorer:
    """Answers, or is away."""

    def __init__(self, away: bool) -> None:
        self._away = away

    def score(self, *arguments: Any) -> Floats:
        if self._away:
            raise ModelServerUnavailable("no answer", reason="MODEL_SERVER_LATE")
        return SCORES


@pytest.fixture
def call() -> Iterator[Call]:
    made = Call("shortlist.v1.RecommendationService/Recommend", time.monotonic(), sampled=True)
    token = CURRENT.set(made)
    yield made
    CURRENT.reset(token)


def ask(scorer: Scorer) -> Floats:
    rows, features = np.arange(2, dtype=np.int32), np.zeros((2, 3), np.float32)
    return ObservedScorer(scorer).score(None, features, rows, features, 0.1)  # type: ignore[arg-type]


def test_scoring_is_a_remote_call(call: Call) -> None:
    assert ask(Scorer(away=False)) is SCORES
    (seen,) = call.remote_calls
    assert (seen.name, seen.error) == (CALL_NAME, "")
    assert 0 < seen.started_ns <= seen.ended_ns


def test_scoring_that_failed_says_why(call: Call) -> None:
    with pytest.raises(ModelServerUnavailable):
        ask(Scorer(away=True))
    assert [seen.error for seen in call.remote_calls] == ["MODEL_SERVER_LATE"]
