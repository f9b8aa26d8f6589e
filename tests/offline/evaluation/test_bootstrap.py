"""Intervals of means over users."""

from __future__ import annotations

import numpy as np
import pytest

from offline.evaluation.bootstrap import RESAMPLES_MAX, intervals


def test_an_interval_is_as_wide_as_the_normal_theory_says() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, 4_000)

    (found,) = intervals(values[:, None], resamples=2_000)

    error = values.std(ddof=1) / np.sqrt(values.size)
    assert found.mean == pytest.approx(values.mean())
    assert (found.high - found.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.05)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(2)
    samples = random.exponential(1.0, (200, 300))  # 300 studies of 200 users each

    found = intervals(samples, resamples=400)

    assert 0.90 <= np.mean([interval.low <= 1 <= interval.high for interval in found]) <= 0.98


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    values = np.random.default_rng(3).random((50, 2))

    assert intervals(values, resamples=100) == intervals(values, resamples=100)
    assert intervals(values, resamples=100, seed=1) != intervals(values, resamples=100)


def test_users_who_say_nothing_are_left_out_of_their_column() -> None:
    values = np.array([[1.0, 5.0], [np.nan, 5.0], [3.0, 5.0]])

    first, second = intervals(values, resamples=200)

    assert (first.mean, second.mean) == (2.0, 5.0)
    assert (first.low, first.high) == (1.0, 3.0)
    assert (second.low, second.high) == (5.0, 5.0)


def test_a_column_of_nothing_has_no_interval() -> None:
    (found,) = intervals(np.full((3, 1), np.nan), resamples=10)

    assert found.as_dict() == {"mean": None, "low": None, "high": None}
    assert not found.is_clear_of_zero


def test_paired_differences_are_surer_than_the_two_means() -> None:
    random = np.random.default_rng(4)
    easy = random.random(500)
    better = easy + 0.01 + random.normal(0, 0.01, 500)

    first, second, gain = intervals(np.stack([easy, better, better - easy], axis=1), resamples=500)

    assert first.high > second.low
    assert gain.is_clear_of_zero
    assert gain.mean == pytest.approx(second.mean - first.mean)


@pytest.mark.parametrize("resamples", [0, RESAMPLES_MAX + 1])
def test_the_number_of_draws_has_a_limit(resamples: int) -> None:
    with pytest.raises(ValueError, match="resamples"):
        intervals(np.ones((2, 1)), resamples=resamples)
