"""Chooses the requests of the past that the ranker learns from, and fits their sources on what came before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from offline.candidates.collaborative import neighbour_table
from offline.candidates.interactions import Interactions
from offline.candidates.popularity import PopularityOptions, trending_scores
from offline.model.candidate_lists import (
    BlendOptions,
    CandidateList,
    CandidateListMaker,
    Request,
    Sources,
)
from offline.model.item_snapshots import DAY_S, Catalogue, DailyItemSnapshots
from offline.model.training import HeldOut
from offline.model.training_data import TrainingData
from offline.model.vectors import item_vectors, user_vectors

Longs = NDArray[np.int64]


def past_lists(
    data: TrainingData,
    catalogue: Catalogue,
    snapshots: DailyItemSnapshots,
    held_out: HeldOut,
    options: BlendOptions,
    *,
    days: float,
    requests_max: int,
    seed: int,
) -> Iterator[CandidateList]:
    """Yields the lists of requests of the first `days` from held_out.cut_s on, oldest first.

    Sources know only what came before the cut. Few days, because served sources are fresh: lists of stale ones would teach
    the ranker to trust them too little.
    """
    queries = choose_requests(data, held_out.cut_s, days, requests_max, seed)
    sources = _fit_sources(data, snapshots, held_out, queries, options)
    maker = CandidateListMaker(data.history, catalogue, snapshots, sources, options)
    for number, query in enumerate(queries.tolist()):
        chosen = data.example_rows[data.example_offsets[query] : data.example_offsets[query + 1]]
        request = Request(
            history_start=int(data.history_start[query]),
            history_stop=int(data.history_stop[query]),
            time_s=int(data.times_s[query]),
            chosen=chosen.astype(np.int64),
        )
        yield maker.make(number, request)


def choose_requests(data: TrainingData, cut_s: int, days: float, requests_max: int, seed: int) -> Longs:
    """Returns queries of these days that have a history and an example, at most so many at random, oldest first."""
    counts = np.diff(data.example_offsets)
    known = data.history_stop > data.history_start
    queries = np.flatnonzero(
        (data.times_s >= cut_s) & (data.times_s < cut_s + days * DAY_S) & known & (counts > 0)
    )
    if len(queries) > requests_max:
        queries = np.random.default_rng(seed).choice(queries, requests_max, replace=False)
    return queries[np.argsort(data.times_s[queries], kind="stable")]


def _fit_sources(
    data: TrainingData,
    snapshots: DailyItemSnapshots,
    held_out: HeldOut,
    queries: Longs,
    options: BlendOptions,
) -> Sources:
    earlier = interactions_before(data, held_out.cut_s)
    trending = trending_scores(earlier, held_out.cut_s, PopularityOptions())
    rows = np.argsort(-trending, kind="stable")[: options.limit].astype(np.int32)
    items = snapshots.inputs_at(held_out.cut_s // DAY_S, data.all_rows)
    model = held_out.model.eval()
    return Sources(
        neighbours=neighbour_table(earlier, held_out.cut_s),
        popular_rows=rows,
        popular_scores=trending[rows].astype(np.float32),
        user_vectors=user_vectors(model, data, queries),
        item_vectors=item_vectors(model, items),
    )


def interactions_before(data: TrainingData, time_s: int) -> Interactions:
    """Returns the history events before a time whose item is known."""
    events = data.history
    users = np.unique(data.history_start)
    owners = (np.searchsorted(users, np.arange(len(events.rows)), "right") - 1).astype(np.int32)
    kept = (events.times_s < time_s) & (events.rows >= 0) & (owners >= 0)
    return Interactions(
        owners[kept],
        events.rows[kept],
        events.times_s[kept],
        events.types[kept],
        np.zeros(np.count_nonzero(kept), np.uint8),
        len(users),
        data.item_count,
    )
