"""The search over knobs: seeded, bounded, never worse than what was there, and confirmed by others."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from server.app.values import engine_values
from server.cli.tuning.knobs import Knobs, random_knobs, varied_knobs
from server.cli.tuning.search import Budget, Quality, TuneResult, tune
from server.settings import Settings

GIVEN = Knobs.of(engine_values(Settings()))


def likes(popularity: float) -> Callable[[Knobs], Quality]:
    """Users who are best served with so much weight on popularity, and without diversity."""

    def quality(knobs: Knobs) -> Quality:
        value = 1 - abs(knobs.weights[2] - popularity) - 0.1 * knobs.mmr_weight
        return Quality(value, value)

    return quality


def search(
    choosing: Callable[[Knobs], Quality],
    confirming: Callable[[Knobs], Quality],
    *,
    trials: int = 60,
    seconds: float = 1e9,
    seed: int = 0,
    clock: Callable[[], float] = lambda: 0.0,
) -> TuneResult:
    return tune(
        GIVEN,
        choosing,
        confirming,
        Budget(trials, seconds),
        seed=seed,
        clock=clock,
        report=lambda trial: None,
    )


@pytest.mark.parametrize("seed", range(5))
def test_what_is_taken_is_better_than_what_was_there(seed: int) -> None:
    result = search(likes(0.7), likes(0.7), seed=seed)

    assert result.taken == result.best.knobs != GIVEN
    assert result.after.value > result.before.value
    assert abs(result.taken.weights[2] - 0.7) < 0.1


def test_luck_that_others_do_not_share_changes_nothing() -> None:
    result = search(likes(0.9), likes(GIVEN.weights[2]))

    assert result.best.knobs != GIVEN
    assert result.taken == GIVEN


def test_the_knobs_as_they_are_come_first_and_win_ties() -> None:
    result = search(lambda knobs: Quality(0.5, 0.5), lambda knobs: Quality(0.5, 0.5))

    assert result.trials[0].knobs == GIVEN
    assert result.best.knobs == result.taken == GIVEN


def test_the_same_seed_tries_the_same() -> None:
    first, again, other = (search(likes(0.5), likes(0.5), seed=seed) for seed in (3, 3, 4))

    assert first == again
    assert first.trials != other.trials


def test_trials_and_seconds_end_the_search() -> None:
    ticks = iter(np.arange(100.0).tolist())

    assert 7 <= len(search(likes(0.5), likes(0.5), trials=7).trials) <= 7 + len(fields(Knobs))
    assert len(search(likes(0.5), likes(0.5), trials=1).trials) == 1
    assert len(search(likes(0.5), likes(0.5), seconds=5.0, clock=lambda: next(ticks)).trials) == 5


def test_nothing_is_tried_twice() -> None:
    tried = [trial.knobs for trial in search(likes(0.5), likes(0.5), trials=200).trials]

    assert len(set(tried)) == len(tried)


@pytest.mark.parametrize("seed", range(5))
def test_a_knob_that_does_no_good_stays_where_it_was(seed: int) -> None:
    taken = search(likes(0.7), likes(0.7), seed=seed).taken

    assert taken != GIVEN
    assert replace(taken, weights=GIVEN.weights, mmr_weight=GIVEN.mmr_weight) == GIVEN


def test_a_fixed_knob_is_never_moved() -> None:
    result = tune(
        GIVEN,
        likes(0.5),
        likes(0.5),
        Budget(30, 1e9),
        seed=0,
        clock=lambda: 0.0,
        report=lambda trial: None,
        fixed=("mmr_weight",),
    )

    assert {trial.knobs.mmr_weight for trial in result.trials} == {GIVEN.mmr_weight}


def test_all_knobs_that_are_tried_are_valid_settings_and_read_back_as_they_are() -> None:
    rng = np.random.default_rng(0)
    knobs = GIVEN
    for _ in range(200):
        knobs = varied_knobs(knobs, rng) if rng.random() < 0.8 else random_knobs(rng)
        settings = Settings(**tomllib.loads(knobs.to_toml()))
        assert Knobs.of(engine_values(settings)) == knobs
        assert sum(knobs.weights) == pytest.approx(1)
        assert min(knobs.weights) >= 0


def test_knobs_change_nothing_else_of_the_engine() -> None:
    values = engine_values(Settings())
    changed = replace(GIVEN, mmr_weight=0.05).applied_to(values)

    assert GIVEN.applied_to(values).retrieval == values.retrieval
    assert changed.retrieval == values.retrieval
    assert changed.scenarios["HOME"].mmr_weight == 0.05
    assert changed.scenarios["HOME"].exclude_bought
