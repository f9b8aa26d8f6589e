"""Everything that is said about some methods' lists, from the lists alone: what evaluate and report share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.evaluation.bootstrap import RESAMPLES_DEFAULT, Interval, intervals
from offline.evaluation.breakdowns import (
    DECILES,
    SEGMENTS,
    GroupShares,
    group_shares,
    popularity_deciles,
    user_segments,
)
from offline.evaluation.item_facts import ItemFacts
from offline.evaluation.list_metrics import category_diversity, miscalibration, novelty, serendipity
from offline.evaluation.metrics import user_metrics
from offline.evaluation.protocol import Split

Rows = NDArray[np.int32]

ACCURACY_METRICS = ("recall", "ndcg", "precision", "map", "hit_rate", "mrr")
LIST_METRICS = ("diversity", "novelty", "serendipity", "miscalibration")
METRICS = (*ACCURACY_METRICS, *LIST_METRICS)
"""The columns of a method's values; all but coverage, which is no mean over users and so has no interval here: a
draw with fewer distinct users has fewer distinct items."""

BASELINES = ("popularity", "collaborative")
"""What every other method is held against, where it is among those measured."""

CATEGORIES_MAX = 20
"""Categories that are broken down, those with the most wanted pairs."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Users by the length of their history. means: by method, then metric; NaN where it is not known."""

    name: str
    users: int
    means: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was measured. lists: i32[users, k] by method. values: f64[users, METRICS] by method.

    coverage: share of the catalogue in any list. intervals, differences: by method (and the baseline it is held
    against), then metric; empty without resamples. categories: those most wanted. deciles: most popular items first.
    """

    lists: Mapping[str, Rows]
    values: Mapping[str, NDArray[np.float64]]
    coverage: Mapping[str, float]
    intervals: Mapping[str, Mapping[str, Interval]]
    differences: Mapping[str, Mapping[str, Mapping[str, Interval]]]
    segments: tuple[Segment, ...]
    categories: tuple[GroupShares, ...]
    deciles: tuple[GroupShares, ...]

    def mean(self, method: str, metric: str) -> float:
        """Returns the mean over the users of whom the metric can say something; NaN where there are none."""
        return known_mean(self.values[method][:, METRICS.index(metric)])


def assess(
    split: Split,
    facts: ItemFacts,
    lists: Mapping[str, Rows],
    expected: Rows,
    *,
    resamples: int = RESAMPLES_DEFAULT,
    seed: int = 0,
) -> Assessment:
    """Returns the assessment of lists for the split's test users.

    expected: i32[users, any], the popularity baseline's lists, for serendipity. resamples: of the bootstrap; 0 = no
    intervals.
    """
    values = {name: user_values(split, facts, ranked, expected) for name, ranked in lists.items()}
    items = len(split.item_ids)
    coverage = {name: np.unique(ranked[ranked >= 0]).size / items for name, ranked in lists.items()}
    found, differences = _intervals(values, resamples, seed)
    decile_names = tuple(str(number) for number in range(1, DECILES + 1))
    deciles = group_shares(
        lists, split.relevant, popularity_deciles(users_of_items(split.seen)), decile_names
    )
    return Assessment(
        lists,
        values,
        coverage,
        found,
        differences,
        _segments(split, values),
        _top_categories(split, facts, lists),
        tuple(deciles),
    )


def user_values(split: Split, facts: ItemFacts, ranked: Rows, expected: Rows) -> NDArray[np.float64]:
    """Returns f64[users, METRICS] of one method's lists; NaN where a metric cannot say anything of a user."""
    columns = user_metrics(ranked, split.relevant)
    popularity = users_of_items(split.seen) / split.seen.shape[0]
    columns["novelty"] = novelty(ranked, popularity)
    columns["serendipity"] = serendipity(ranked, split.relevant, expected)
    # Where no item has a category, nothing can be said; lists of no two alike would look perfectly mixed.
    nothing = np.full(ranked.shape[0], np.nan)
    known = bool(facts.category_names)
    columns["diversity"] = category_diversity(ranked, facts.categories) if known else nothing
    histories = split.seen[split.test_users]
    columns["miscalibration"] = miscalibration(ranked, histories, facts.categories) if known else nothing
    return np.stack([columns[name] for name in METRICS], axis=1)


def users_of_items(seen: sp.csr_matrix) -> NDArray[np.int64]:
    """Returns how many users had each item in train, i64[items]."""
    return np.bincount(seen.indices, minlength=seen.shape[1])


def known_mean(values: NDArray[np.float64]) -> float:
    """Returns the mean of what is not NaN; NaN where there is nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _intervals(
    values: Mapping[str, NDArray[np.float64]], resamples: int, seed: int
) -> tuple[dict[str, dict[str, Interval]], dict[str, dict[str, dict[str, Interval]]]]:
    if not resamples:
        return {}, {}

    def of(table: NDArray[np.float64]) -> dict[str, Interval]:
        return dict(zip(METRICS, intervals(table, resamples=resamples, seed=seed), strict=True))

    found = {name: of(table) for name, table in values.items()}
    differences = {
        name: {base: of(table - values[base]) for base in BASELINES if base in values and base != name}
        for name, table in values.items()
    }
    return found, differences


def _segments(split: Split, values: Mapping[str, NDArray[np.float64]]) -> tuple[Segment, ...]:
    codes = user_segments(np.diff(split.seen[split.test_users].indptr))
    segments = []
    for code, name in enumerate(SEGMENTS):
        inside = codes == code
        means = {
            method: {metric: known_mean(table[inside, column]) for column, metric in enumerate(METRICS)}
            for method, table in values.items()
        }
        segments.append(Segment(name, int(inside.sum()), means))
    return tuple(segments)


def _top_categories(split: Split, facts: ItemFacts, lists: Mapping[str, Rows]) -> tuple[GroupShares, ...]:
    groups = group_shares(lists, split.relevant, facts.categories, facts.category_names)
    wanted = [group for group in groups if group.wanted]
    return tuple(sorted(wanted, key=lambda group: -group.wanted)[:CATEGORIES_MAX])
