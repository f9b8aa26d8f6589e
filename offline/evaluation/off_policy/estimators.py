"""Off-policy estimators: what a policy would have earned a row, from choices that another one made.

With w = target probability / logged propensity of a row's item, r its reward and q the reward model:

    IPW    mean of w r                               unbiased where the log supports the policy
    SNIPW  sum of w r / sum of w                     slightly biased, far steadier; the one to read first
    DR     mean of (q under the policy + w (r - q))  q cross-fitted: unbiased, steadier where q is any good
    ESS    (sum of w)^2 / sum of w^2                 of how many rows of its own the estimate is worth

Horvitz & Thompson 1952; Swaminathan & Joachims, "The Self-Normalized Estimator", NeurIPS 2015; Dudík, Langford & Li,
"Doubly Robust Policy Evaluation and Learning", ICML 2011. Intervals are percentiles of a bootstrap over groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.evaluation.off_policy.logged_choices import LoggedChoices
from offline.evaluation.off_policy.reward_model import cross_fitted
from offline.evaluation.off_policy.target_policies import TargetPolicy
from server.errors import Refused

INTERVAL_PERCENT = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class EstimatorValues:
    """clip: the largest weight allowed; None = no clipping. ess_min: fewer effective rows are refused.
    resamples: of the bootstrap. folds: of the reward model's cross-fitting."""

    clip: float | None = None
    ess_min: float = 100.0
    resamples: int = 1000
    folds: int = 5
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value a row with its interval of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a log says about a policy.

    ess, weight_max, weight_mean: of the weights as used; a mean far from 1 says that propensities and log disagree, or
    that clipping took much. clipped: rows whose weight was cut. unsupported: the policy's mean probability of items
    that the log never shows. logged_value: the mean reward of the policy that served.
    """

    ipw: Estimate
    snipw: Estimate
    dr: Estimate
    rows: int
    ess: float
    weight_max: float
    weight_mean: float
    clip: float | None
    clipped: int
    unsupported: float
    logged_value: float

    def estimates(self) -> Mapping[str, Estimate]:
        """Returns the estimators by name."""
        return {"IPW": self.ipw, "SNIPW": self.snipw, "DR": self.dr}


class TooFewEffectiveRows(Refused):
    """The log cannot judge this policy: almost all of the weight lies on a few rows."""

    def __init__(self, ess: float, rows: int, weight_max: float, values: EstimatorValues) -> None:
        clip = "" if values.clip is None else f" with weights clipped at {values.clip:g}"
        super().__init__(
            f"the effective sample is {ess:.1f} of {rows:,} rows{clip} (largest weight {weight_max:,.0f}), and"
            f" {values.ess_min:g} are asked for: a value would be noise."
            " Log a policy that explores more, or clip the weights and accept the bias",
            reason="EFFECTIVE_SAMPLE_TOO_SMALL",
        )


def judge(log: LoggedChoices, target: TargetPolicy, values: EstimatorValues) -> Judgement:
    """Returns the three estimates. Raises TooFewEffectiveRows where the log cannot carry them."""
    raw = target.of_logged(log) / log.propensities
    weights = raw if values.clip is None else np.minimum(raw, values.clip)
    ess = effective_rows(weights)
    weight_max = float(weights.max(initial=0))
    if ess < values.ess_min:
        raise TooFewEffectiveRows(ess, len(log), weight_max, values)
    logged, expected = cross_fitted(log, target, values.folds, values.seed)
    corrected = expected + weights * (log.rewards - logged)
    columns = np.stack([weights * log.rewards, weights, corrected, np.ones(len(log))], axis=1)
    ipw, snipw, dr = _with_intervals(columns, log.groups, values)
    return Judgement(
        ipw=ipw,
        snipw=snipw,
        dr=dr,
        rows=len(log),
        ess=ess,
        weight_max=weight_max,
        weight_mean=float(weights.mean()),
        clip=values.clip,
        clipped=int(np.count_nonzero(raw > weights)),
        unsupported=target.unsupported(log),
        logged_value=float(log.rewards.mean()),
    )


def effective_rows(weights: NDArray[np.float64]) -> float:
    """Returns Kish's effective sample size; 0 where every weight is 0."""
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def _with_intervals(
    columns: NDArray[np.float64], groups: NDArray[np.int64], values: EstimatorValues
) -> tuple[Estimate, Estimate, Estimate]:
    """Returns IPW, SNIPW and DR of columns f64[n, 4]: w r, w, DR's terms, ones. Groups are resampled whole."""
    count = int(groups.max()) + 1
    sums = np.stack([np.bincount(groups, column, minlength=count) for column in columns.T], axis=1)
    rng = np.random.default_rng(values.seed)
    drawn = np.stack(
        [np.bincount(rng.integers(0, count, count), minlength=count) @ sums for _ in range(values.resamples)]
    )
    of_all = _ratios(sums.sum(axis=0, keepdims=True))[0]
    low, high = np.percentile(_ratios(drawn), INTERVAL_PERCENT, axis=0)
    ipw, snipw, dr = (
        Estimate(float(of_all[at]), float(low[at]), float(high[at])) for at in range(of_all.size)
    )
    return ipw, snipw, dr


def _ratios(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns IPW, SNIPW and DR of each row of column sums."""
    weighted, weight, corrected, rows = sums.T
    # A resample without any weight says nothing of the policy; 0 is what its rewards add up to.
    normalised = np.divide(weighted, weight, out=np.zeros_like(weight), where=weight > 0)
    return np.stack([weighted / rows, normalised, corrected / rows], axis=1)
