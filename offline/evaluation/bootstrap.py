"""How sure a mean over users is: percentile intervals of a bootstrap.

Users are drawn with replacement, as many as there are; an interval is the 2.5th to the 97.5th percentile of the
means of the draws. Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. The draws follow
from the seed and the number of users alone, so that methods measured on the same users are drawn alike, and the
interval of a difference is that of the paired differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""The share of the draws' means that an interval holds."""

RESAMPLES_DEFAULT = 1_000
RESAMPLES_MAX = 10_000

_DRAWS_MAX = 4_000_000
"""Drawn users in memory at once."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the bounds of its interval; NaN where it is not known."""

    mean: float
    low: float
    high: float

    @property
    def is_clear_of_zero(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0

    def as_dict(self) -> dict[str, float | None]:
        """Returns mean, low and high by name, None for NaN."""
        values = {"mean": self.mean, "low": self.low, "high": self.high}
        return {name: None if np.isnan(value) else value for name, value in values.items()}


def intervals(
    values: NDArray[np.float64], *, resamples: int = RESAMPLES_DEFAULT, seed: int = 0
) -> list[Interval]:
    """Returns the interval of the mean of each column of values[users, columns]; a NaN is no value of its column.

    resamples: 1 to RESAMPLES_MAX (ValueError).
    """
    if not 1 <= resamples <= RESAMPLES_MAX:
        raise ValueError(f"resamples is {resamples}, not 1 to {RESAMPLES_MAX}")
    known = ~np.isnan(values)
    sums = np.concatenate((np.where(known, values, 0.0), known), axis=1)
    totals = sums.sum(axis=0)[None]
    drawn = np.concatenate([counts @ sums for counts in _draws(values.shape[0], resamples, seed)])
    means, samples = _ratios(totals)[0], _ratios(drawn)
    tail = (1 - LEVEL) / 2
    return [
        _interval(mean, sample[~np.isnan(sample)], tail)
        for mean, sample in zip(means, samples.T, strict=True)
    ]


def _draws(users: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yields f64[draws, users]: how often each user is in each of some draws."""
    random = np.random.default_rng(seed)
    block = max(1, _DRAWS_MAX // users)
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        places = random.integers(0, users, (count, users)) + np.arange(count)[:, None] * users
        counts = np.bincount(places.ravel(), minlength=count * users)
        yield counts.reshape(count, users).astype(np.float64)


def _ratios(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    values, counts = np.split(sums, 2, axis=1)
    return np.where(counts > 0, values / np.maximum(counts, 1), np.nan)


def _interval(mean: float, sample: NDArray[np.float64], tail: float) -> Interval:
    if not sample.size:
        return Interval(float(mean), np.nan, np.nan)
    low, high = np.quantile(sample, (tail, 1 - tail))
    return Interval(float(mean), float(low), float(high))
