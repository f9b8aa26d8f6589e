"""What a worker does when the model server has no model, a wrong one, or no time."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import cast

import pytest

from server.errors import ModelServerUnavailable, ReleaseRefused
from server.inference.model_keeper import ModelKeeper
from server.inference.protocols import ScoringRelease

NEW, OLD = cast(ScoringRelease, "new"), cast(ScoringRelease, "old")
DOWN = ModelServerUnavailable("no answer", reason="MODEL_SERVER_LATE")
WRONG = ReleaseRefused("scores are off", reason="MODEL_REFUSED")


@dataclass
class Models:
    """Fails as it is told."""

    error: Exception | None = None
    asked: list[tuple[ScoringRelease, ScoringRelease | None]] = field(default_factory=list)

    def ensure(self, release: ScoringRelease, keep: ScoringRelease | None = None) -> None:
        self.asked.append((release, keep))
        if self.error is not None:
            raise self.error


def test_before_a_switch_the_new_model_is_loaded_beside_the_old() -> None:
    models = Models()
    ModelKeeper(models, interval_s=60).prepare(NEW, OLD)
    assert models.asked == [(NEW, OLD)]


def test_a_model_server_that_is_down_does_not_hold_up_a_switch(caplog: pytest.LogCaptureFixture) -> None:
    ModelKeeper(Models(DOWN), interval_s=60).prepare(NEW, OLD)
    assert "no answer" in caplog.text


def test_a_wrong_model_keeps_the_old_release() -> None:
    with pytest.raises(ReleaseRefused):
        ModelKeeper(Models(WRONG), interval_s=60).prepare(NEW, OLD)


def test_a_wrong_model_does_not_keep_a_server_from_starting(caplog: pytest.LogCaptureFixture) -> None:
    ModelKeeper(Models(WRONG), interval_s=60).prepare(NEW, None)
    assert "scores are off" in caplog.text


def test_a_lasting_problem_is_logged_once_a_minute_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now_s = [1_000.0]
    models = Models(DOWN)
    keeper = ModelKeeper(models, interval_s=60, clock=lambda: now_s[0])
    for _ in range(10):
        keeper.look(NEW, None)
    assert caplog.text.count("no answer") == 1
    now_s[0] += 61
    keeper.look(NEW, None)
    assert caplog.text.count("no answer") == 2
    models.error = None
    for _ in range(3):
        keeper.look(NEW, None)
    assert caplog.text.count("again") == 1


def test_the_thread_looks_until_it_is_stopped() -> None:
    models = Models()
    keeper = ModelKeeper(models, interval_s=0.001)
    keeper.start(lambda: (NEW, OLD))
    while len(models.asked) < 3:
        time.sleep(0.001)
    keeper.stop(10)
    assert set(models.asked) == {(NEW, OLD)}
