"""Chooses the requests of the past that the ranker learns from, and fits their sources on what came before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from offline.candidates.neighbours import NeighbourOptions, make_neighbours
from offline.candidates.popularity import PopularityOptions, trending_scores
from offline.model.candidate_lists import (
    BlendOptions,
    CandidateList,
    CandidateListMaker,
    Request,
    Sources,
)
from offline.model.item_snapshots import DAY_S, Catalogue, DailyItemSnapshots
from offline.model.past_events import interactions_before
from offline.model.tower_fitting import HeldOut
from offline.model.training_data import TrainingData
from offline.model.two_tower import TwoTowerModel
from offline.model.vectors import item_vectors, user_vectors

Longs = NDArray[np.int64]

REFIT_DAYS = 7


def past_lists(
    data: TrainingData,
    catalogue: Catalogue,
    snapshots: DailyItemSnapshots,
    held_out: HeldOut,
    options: BlendOptions,
    neighbours: NeighbourOptions,
    *,
    requests_max: int,
    seed: int,
) -> Iterator[CandidateList]:
    """Yields the lists of requests from held_out.cut_s on, oldest first.

    Neighbours and popularity are fitted anew for every REFIT_DAYS, on what came before them: lists of sources that
    are a month old would teach the ranker to trust them less than it may where they are fresh.
    """
    queries = choose_requests(data, held_out.cut_s, requests_max, seed)
    later = _LaterChoices(data, held_out.cut_s)
    periods = (data.times_s[queries] - held_out.cut_s) // (REFIT_DAYS * DAY_S)
    for period in np.unique(periods).tolist():
        of_period = queries[periods == period]
        begin_s = held_out.cut_s + period * REFIT_DAYS * DAY_S
        sources = _fit_sources(data, snapshots, held_out.model, begin_s, of_period, options, neighbours)
        maker = CandidateListMaker(data.history, catalogue, snapshots, sources, options)
        for number, query in enumerate(of_period.tolist()):
            yield maker.make(number, _request(data, query, later.of(query)))


def _request(data: TrainingData, query: int, chosen: Longs) -> Request:
    return Request(
        history_start=int(data.history_start[query]),
        history_stop=int(data.history_stop[query]),
        time_s=int(data.times_s[query]),
        chosen=chosen,
    )


def choose_requests(data: TrainingData, cut_s: int, requests_max: int, seed: int) -> Longs:
    """Returns the first query from cut_s on of each user with a history, at most so many at random, oldest first.

    One a user, so that the few who come every day do not rule.
    """
    known = data.history_stop > data.history_start
    queries = np.flatnonzero((data.times_s >= cut_s) & known & (np.diff(data.example_offsets) > 0))
    queries = queries[np.argsort(data.times_s[queries], kind="stable")]
    _, first = np.unique(data.history_owner[queries], return_index=True)
    queries = queries[np.sort(first)]
    if len(queries) > requests_max:
        queries = queries[
            np.sort(np.random.default_rng(seed).choice(len(queries), requests_max, replace=False))
        ]
    return queries


class _LaterChoices:
    """What a user chose at a query and after it: a list is good for more than one visit."""

    def __init__(self, data: TrainingData, cut_s: int) -> None:
        self._data = data
        queries = np.flatnonzero(data.times_s >= cut_s)
        self._queries = queries[np.lexsort((data.times_s[queries], data.history_owner[queries]))]
        self._owners = data.history_owner[self._queries]

    def of(self, query: int) -> Longs:
        """Returns the distinct item rows."""
        owner = self._data.history_owner[query]
        first, stop = np.searchsorted(self._owners, owner), np.searchsorted(self._owners, owner, "right")
        own = self._queries[first:stop]
        own = own[self._data.times_s[own] >= self._data.times_s[query]]
        _, rows, weights = self._data.examples(own)
        return np.unique(rows[weights > 0])


def _fit_sources(
    data: TrainingData,
    snapshots: DailyItemSnapshots,
    model: TwoTowerModel,
    begin_s: int,
    queries: Longs,
    options: BlendOptions,
    neighbours: NeighbourOptions,
) -> Sources:
    earlier = interactions_before(data, begin_s)
    trending = trending_scores(earlier, begin_s, PopularityOptions())
    rows = np.argsort(-trending, kind="stable")[: options.limit].astype(np.int32)
    items = snapshots.inputs_at(begin_s // DAY_S, data.all_rows)
    model.eval()
    return Sources(
        neighbours=make_neighbours(earlier, begin_s, neighbours),
        popular_rows=rows,
        popular_scores=trending[rows].astype(np.float32),
        user_vectors=user_vectors(model, data, queries),
        item_vectors=item_vectors(model, items),
    )
