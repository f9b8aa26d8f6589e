"""What came of lists: click rate, conversion, coverage and diversity, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from offline.simulation.draws import Doubles, Indexes

RESAMPLES = 1000
INTERVAL_PERCENT = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Rate:
    """A ratio with its interval of 95 %; NaN where nothing was counted."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What a policy's lists came to. click_rate: clicks / items shown. true_click_rate: the same expected, without
    the dice. conversion: purchases / clicks. coverage: distinct items shown / catalogue. diversity: 1 - share of pairs
    in a list that are of one category."""

    lists: int
    click_rate: Rate
    true_click_rate: Rate
    conversion: Rate
    coverage: float
    diversity: Rate


@dataclass(slots=True)
class Outcomes:
    """The lists of one policy, as they are answered."""

    rows: list[tuple[float, ...]] = field(default_factory=list)
    shown: set[int] = field(default_factory=set)

    def add(
        self, items: Indexes, likely: Doubles, clicked: NDArray[np.bool_], purchases: int, categories: Indexes
    ) -> None:
        """Counts one list: item indexes, their click probabilities, what was clicked, and purchases after clicks."""
        self.shown.update(items.tolist())
        self.rows.append(
            (items.size, clicked.sum(), likely.sum(), purchases, category_diversity(categories), 1.0)
        )

    def summary(self, catalogue: int, keep: Sequence[bool] | None = None, seed: int = 0) -> Summary:
        """Returns the figures of all lists, or of some, in the order in which they were added.

        Intervals are those of a bootstrap over lists. Coverage is of all lists either way: it is a count that grows
        with their number, and has no interval.
        """
        rows = np.array(self.rows, np.float64).reshape(-1, 6)
        if keep is not None:
            rows = rows[np.asarray(keep, np.bool_)]
        drawn = _resampled(rows, seed)
        rates = [_rate(rows, drawn, at, over) for at, over in ((1, 0), (2, 0), (3, 1), (4, 5))]
        clicks, expected, conversion, diversity = rates
        coverage = len(self.shown) / catalogue
        return Summary(len(rows), clicks, expected, conversion, coverage, diversity)


def category_diversity(categories: Indexes) -> float:
    """Returns 1 - the share of pairs that are of one category; 1 for fewer than two items."""
    count = categories.size
    if count < 2:
        return 1.0
    sizes = np.unique(categories, return_counts=True)[1]
    return float(1.0 - (sizes * (sizes - 1)).sum() / (count * (count - 1)))


def _resampled(rows: Doubles, seed: int) -> Doubles:
    """Returns column sums of bootstrap samples, f64[RESAMPLES, columns]."""
    rng = np.random.default_rng(seed)
    if not len(rows):
        return np.zeros((RESAMPLES, 6))
    return np.stack(
        [
            np.bincount(rng.integers(0, len(rows), len(rows)), minlength=len(rows)) @ rows
            for _ in range(RESAMPLES)
        ]
    )


def _rate(rows: Doubles, drawn: Doubles, part: int, whole: int) -> Rate:
    total = float(rows[:, whole].sum())
    if not total:
        return Rate(float("nan"), float("nan"), float("nan"))
    usable = drawn[:, whole] > 0
    low, high = np.percentile(drawn[usable, part] / drawn[usable, whole], INTERVAL_PERCENT)
    return Rate(float(rows[:, part].sum()) / total, float(low), float(high))
