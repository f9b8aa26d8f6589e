"""Popularity and trending, global, by category and by page type, with time decay.

popular:  an item's score is the sum over its distinct users of .5^(age of the user's latest event / half-life),
          so that one user who buys daily counts once.
trending: short / (long + prior), where short and long are the decayed numbers of users a day with a short and a
          long half-life, and the prior keeps an item with a single fresh event from leading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.candidates.interactions import SECONDS_PER_DAY, Interactions, decay, distinct_pairs
from server.features.event_types import PageType
from server.releases.format import popularity_list_name

Scores = NDArray[np.float64]

POPULAR = "popular"
TRENDING = "trending"


@dataclass(frozen=True, slots=True)
class PopularityOptions:
    """Knobs of the lists; the half-lives were chosen on validation periods inside train (docs/evaluation.md).

    prior_users_per_day: added to the long rate of trending.
    """

    half_life_days: float | None = 7.0
    trending_short_days: float = 7.0
    trending_long_days: float = 60.0
    prior_users_per_day: float = 1.0
    items_max: int = 1_000


@dataclass(frozen=True, slots=True)
class PopularityLists:
    """Ranked lists, flat: list l is rows[offsets[l]:offsets[l+1]], by score descending, then row ascending.

    offsets i64[L+1], rows i32[P], scores f32[P]; names by release format's popularity_list_name.
    """

    names: tuple[str, ...]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    scores: NDArray[np.float32]


def popular_scores(events: Interactions, now_s: float, half_life_days: float | None) -> Scores:
    """Returns f64[I]: decayed distinct users of each item."""
    pairs = distinct_pairs(events)
    weights = decay(pairs.latest_s, now_s, half_life_days)
    return np.bincount(pairs.item_rows, weights, events.item_count).astype(np.float64)


def trending_scores(events: Interactions, now_s: float, options: PopularityOptions) -> Scores:
    """Returns f64[I]: how much faster than usual each item gathers users; 0 without events."""
    short, long = (
        popular_scores(events, now_s, days) * np.log(2) / days
        for days in (options.trending_short_days, options.trending_long_days)
    )
    return np.asarray(short / (long + options.prior_users_per_day))


def window_scores(events: Interactions, start_s: float) -> Scores:
    """Returns f64[I]: distinct users of each item from start_s on."""
    return popular_scores(events.where(events.times_s >= start_s), start_s, None)


def popularity_lists(
    events: Interactions,
    now_s: float,
    eligible: NDArray[np.bool_],
    categories: NDArray[np.int32],
    category_names: Sequence[str],
    options: PopularityOptions | None = None,
) -> PopularityLists:
    """Returns all lists as of now_s.

    eligible bool[I]: may be shown at all. categories i32[I]: codes into category_names, -1 = none.
    Popular lists go on with items that nobody touched, so that a young shop's pages are not empty; trending
    lists and page types hold only items with events.
    """
    options = options or PopularityOptions()
    lists: dict[str, tuple[NDArray[np.int32], Scores]] = {}
    for kind, scores in _scores_by_kind(events, now_s, options).items():
        shown = eligible & (scores > 0) if kind == TRENDING else eligible
        lists[popularity_list_name(kind, "global")] = _best(scores, shown, options.items_max)
        for code, rows in _best_by_category(scores, shown, categories, options.items_max):
            lists[popularity_list_name(kind, "category", category_names[code])] = rows, scores[rows]
    for page in np.unique(events.pages):
        on_page = events.where(events.pages == page)
        for kind, scores in _scores_by_kind(on_page, now_s, options).items():
            if page != PageType.UNSPECIFIED:
                name = popularity_list_name(kind, "page_type", PageType(page).name)
                lists[name] = _best(scores, eligible & (scores > 0), options.items_max)
    return _flat({name: entries for name, entries in lists.items() if entries[0].size})


def days_before(now_s: float, days: float) -> float:
    """Returns the time so many days before now_s."""
    return now_s - days * SECONDS_PER_DAY


def _scores_by_kind(events: Interactions, now_s: float, options: PopularityOptions) -> dict[str, Scores]:
    return {
        POPULAR: popular_scores(events, now_s, options.half_life_days),
        TRENDING: trending_scores(events, now_s, options),
    }


def _best(scores: Scores, shown: NDArray[np.bool_], count: int) -> tuple[NDArray[np.int32], Scores]:
    rows = np.flatnonzero(shown).astype(np.int32)
    rows = rows[np.lexsort((rows, -scores[rows]))[:count]]
    return rows, scores[rows]


def _best_by_category(
    scores: Scores, shown: NDArray[np.bool_], categories: NDArray[np.int32], count: int
) -> list[tuple[int, NDArray[np.int32]]]:
    rows = np.flatnonzero(shown & (categories >= 0)).astype(np.int32)
    rows = rows[np.lexsort((rows, -scores[rows], categories[rows]))]
    codes, starts = np.unique(categories[rows], return_index=True)
    stops = np.append(starts, rows.size)[1:]
    return [
        (int(code), rows[start : min(stop, start + count)])
        for code, start, stop in zip(codes, starts, stops, strict=True)
    ]


def _flat(lists: dict[str, tuple[NDArray[np.int32], Scores]]) -> PopularityLists:
    names = tuple(sorted(lists))
    sizes = [lists[name][0].size for name in names]
    rows = [np.empty(0, np.int32), *(lists[name][0] for name in names)]
    scores = [np.empty(0, np.float64), *(lists[name][1] for name in names)]
    return PopularityLists(
        names,
        np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))),
        np.concatenate(rows).astype(np.int32),
        np.concatenate(scores).astype(np.float32),
    )
