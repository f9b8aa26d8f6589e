"""The estimators on logs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from offline.evaluation.off_policy.estimators import (
    EstimatorValues,
    TooFewEffectiveRows,
    effective_rows,
    judge,
)
from offline.evaluation.off_policy.logged_choices import LoggedChoices
from offline.evaluation.off_policy.target_policies import TargetPolicy, frequency_policy, uniform_policy

CLICK_RATES = np.array([0.02, 0.05, 0.1, 0.3])
LOGGING = np.array([0.6, 0.2, 0.15, 0.05])


def drawn_log(rows: int, seed: int) -> LoggedChoices:
    """Returns choices of four items with known click rates, drawn with LOGGING."""
    rng = np.random.default_rng(seed)
    items = rng.choice(4, rows, p=LOGGING)
    rewards = (rng.random(rows) < CLICK_RATES[items]).astype(np.float64)
    return LoggedChoices(
        list("abcd"), items, np.zeros(rows, np.int64), rewards, LOGGING[items], np.arange(rows)
    )


def test_every_estimator_finds_the_value_of_a_policy_that_never_served() -> None:
    log = drawn_log(40_000, seed=1)
    found = judge(log, uniform_policy(log), EstimatorValues(resamples=200))
    for estimate in found.estimates().values():
        assert estimate.value == pytest.approx(CLICK_RATES.mean(), rel=0.06)
        assert estimate.low < CLICK_RATES.mean() < estimate.high
    assert found.logged_value == pytest.approx(CLICK_RATES @ LOGGING, rel=0.06)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(60):
        log = drawn_log(2_000, seed)
        found = judge(log, uniform_policy(log), EstimatorValues(resamples=200))
        held += found.snipw.low < CLICK_RATES.mean() < found.snipw.high
    assert 50 <= held <= 60


def test_clipping_lowers_the_spread_and_is_counted() -> None:
    log = drawn_log(5_000, seed=2)
    whole = judge(log, uniform_policy(log), EstimatorValues(resamples=200))
    clipped = judge(log, uniform_policy(log), EstimatorValues(clip=2, resamples=200))
    assert clipped.ess > whole.ess
    assert clipped.clipped == np.count_nonzero(log.items == 3)
    assert clipped.ipw.value < whole.ipw.value


def test_the_effective_sample_counts_rows_of_equal_weight() -> None:
    assert effective_rows(np.ones(7)) == pytest.approx(7)
    assert effective_rows(np.array([1.0, 0.0, 0.0])) == pytest.approx(1)
    assert effective_rows(np.zeros(3)) == 0


def test_a_policy_that_the_log_never_followed_is_refused() -> None:
    log = drawn_log(1_000, seed=3)
    nowhere = TargetPolicy(np.zeros(len(log), np.int64), sp.csr_matrix((1, 4)))
    with pytest.raises(TooFewEffectiveRows, match=r"0\.0 of 1,000 rows"):
        judge(log, nowhere, EstimatorValues())


def test_items_that_the_log_never_shows_are_told() -> None:
    whole = drawn_log(1_000, seed=4)
    kept = whole.items != 3
    log = LoggedChoices(
        whole.item_ids,
        whole.items[kept],
        whole.positions[kept],
        whole.rewards[kept],
        whole.propensities[kept],
        np.arange(kept.sum()),
    )
    found = judge(log, uniform_policy(log), EstimatorValues(resamples=100))
    assert found.unsupported == pytest.approx(0.25)


def test_a_log_judged_as_the_policy_that_drew_it_keeps_its_mean() -> None:
    log = drawn_log(20_000, seed=5)
    found = judge(log, frequency_policy(log, log), EstimatorValues(resamples=100))
    assert found.snipw.value == pytest.approx(found.logged_value, rel=0.05)


def test_rows_of_one_reply_are_resampled_together() -> None:
    alone = drawn_log(500, seed=6)
    ten = np.repeat(np.arange(500), 10)
    repeated = LoggedChoices(
        alone.item_ids,
        alone.items[ten],
        alone.positions[ten],
        alone.rewards[ten],
        alone.propensities[ten],
        ten,
    )
    one = judge(alone, uniform_policy(alone), EstimatorValues(ess_min=1))
    many = judge(repeated, uniform_policy(repeated), EstimatorValues(ess_min=1))
    assert many.snipw.high - many.snipw.low == pytest.approx(one.snipw.high - one.snipw.low, rel=0.1)
