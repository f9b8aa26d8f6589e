"""The reward model of the doubly robust estimator: deliberately plain, and never fitted on the rows it is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.evaluation.off_policy.logged_choices import LoggedChoices
from offline.evaluation.off_policy.target_policies import TargetPolicy

PRIOR_ROWS = 100.0
"""An item's or a position's mean reward is pulled to the mean of all as by so many more rows."""


def fit_rewards(log: LoggedChoices, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Returns the expected reward f64[items, positions] by the masked rows: item mean x position mean / mean of all."""
    rewards, items, positions = log.rewards[rows], log.items[rows], log.positions[rows]
    mean = float(rewards.mean()) if rewards.size else 0.0
    by_item = _shrunken(items, rewards, len(log.item_ids), mean)
    by_position = _shrunken(positions, rewards, log.position_count, mean)
    return np.outer(by_item, by_position / mean if mean > 0 else by_position)


def cross_fitted(
    log: LoggedChoices, target: TargetPolicy, folds: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns (expected reward of each logged item, mean expected reward under the policy), f64[n] each.

    Each row's values come from a model of the other folds; rows of one group share a fold.
    """
    rng = np.random.default_rng(seed)
    fold_of = rng.permutation(int(log.groups.max(initial=-1)) + 1)[log.groups] % folds
    logged = np.zeros(len(log))
    expected = np.zeros(len(log))
    for fold in range(folds):
        own = fold_of == fold
        values = fit_rewards(log, ~own)
        logged[own] = values[log.items[own], log.positions[own]]
        expected[own] = target.expected(log, values)[own]
    return logged, expected


def _shrunken(
    codes: NDArray[np.int64], rewards: NDArray[np.float64], count: int, mean: float
) -> NDArray[np.float64]:
    sums = np.bincount(codes, rewards, minlength=count)
    return (sums + PRIOR_ROWS * mean) / (np.bincount(codes, minlength=count) + PRIOR_ROWS)
