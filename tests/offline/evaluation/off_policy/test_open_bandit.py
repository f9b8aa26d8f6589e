"""The reference values of the Open Bandit dataset's small version, to rounding."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from offline.evaluation.off_policy.estimators import EstimatorValues, TooFewEffectiveRows, judge
from offline.evaluation.off_policy.log_files import read_choices
from offline.evaluation.off_policy.logged_choices import LoggedChoices
from offline.evaluation.off_policy.target_policies import frequency_policy, uniform_policy

FIXTURE = Path(__file__).parents[3] / "data" / "open_bandit"
WHOLE = "SHORTLIST_OPEN_BANDIT_DIR"
"""Names the folder of the whole small version (bts/men/men.csv.gz ...), where somebody has it."""


def open_bandit(policy: str, campaign: str) -> LoggedChoices:
    if folder := os.environ.get(WHOLE):
        return read_choices(Path(folder) / policy / campaign / f"{campaign}.csv.gz")
    return read_choices(FIXTURE / f"{policy}-{campaign}.csv.gz")


def test_uniform_policy_is_judged_from_thompson_sampling() -> None:
    log = open_bandit("bts", "men")
    found = judge(log, uniform_policy(log), EstimatorValues())
    assert round(found.ipw.value, 5) == 0.00301
    assert round(found.snipw.value, 5) == 0.00319
    assert found.snipw.low == pytest.approx(0.0018, abs=0.0001)
    assert found.snipw.high == pytest.approx(0.0050, abs=0.0002)
    assert round(found.ess) == 656
    assert round(found.weight_max) == 178
    assert found.dr.value == pytest.approx(found.snipw.value, abs=0.0005)


def test_thompson_sampling_is_judged_from_uniform_choices() -> None:
    log = open_bandit("random", "men")
    found = judge(log, frequency_policy(log, open_bandit("bts", "men")), EstimatorValues())
    assert round(found.ipw.value, 5) == 0.00566
    assert round(found.snipw.value, 5) == 0.00574
    assert round(found.ess) == 2869
    assert found.unsupported == pytest.approx(0)


def test_a_hopeless_log_is_refused() -> None:
    log = open_bandit("bts", "women")
    with pytest.raises(TooFewEffectiveRows, match=r"2\.1 of 10,000 rows \(largest weight 21,739\)"):
        judge(log, uniform_policy(log), EstimatorValues())


def test_a_hopeless_log_is_judged_with_clipped_weights_and_says_so() -> None:
    log = open_bandit("bts", "women")
    found = judge(log, uniform_policy(log), EstimatorValues(clip=20))
    assert round(found.snipw.value, 5) == 0.00653
    assert round(found.ess) == 1244
    assert found.clip == 20
    assert found.clipped > 0
