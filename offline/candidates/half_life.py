"""How fast neighbours should forget: chosen on the events themselves, because shops differ by years.

The last tenth of the events is held out, tables are made from those before it with each half-life, and the one that
ranks best what the users then took for the first time is taken. A season's goods want weeks, a library of films
decades; a wrong half-life costs more than any other knob of the table (docs/evaluation.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.candidates.collaborative import CollaborativeOptions, neighbour_table
from offline.candidates.interactions import SECONDS_PER_DAY, Interactions, distinct_pairs


@dataclass(frozen=True, slots=True)
class HalfLifeSearch:
    """days: what is tried, None = no decay. margin: by how much, relatively, another must beat the default.

    held_out: share of the events, the latest. events_max: of more, those of a sample of users are looked at.
    users_max: users who are ranked for. users_min: with fewer, the default stands.
    """

    days: tuple[float | None, ...] = (None, 720.0, 180.0, 45.0)
    margin: float = 0.02
    held_out: float = 0.1
    count: int = 20
    events_max: int = 1_000_000
    users_max: int = 2_000
    users_min: int = 50
    seed: int = 0


def choose_half_life(
    events: Interactions, options: CollaborativeOptions | None = None, search: HalfLifeSearch | None = None
) -> CollaborativeOptions:
    """Returns the options with the half-life that ranks best; as they are where the events cannot tell."""
    options, search = options or CollaborativeOptions(), search or HalfLifeSearch()
    shortest_days = min(days for days in search.days if days is not None)
    if not len(events) or np.ptp(events.times_s) < shortest_days * SECONDS_PER_DAY:
        return options
    events = _sampled(events, search)
    cut_s = float(np.quantile(events.times_s, 1 - search.held_out))
    train, later = events.where(events.times_s < cut_s), events.where(events.times_s >= cut_s)
    if not len(train):
        return options
    seen, wanted = _pairs_matrix(train), _pairs_matrix(later)
    wanted = wanted - wanted.multiply(seen)
    wanted.eliminate_zeros()
    users = np.flatnonzero((np.diff(wanted.indptr) > 0) & (np.diff(seen.indptr) > 0))
    if len(users) < search.users_min:
        return options
    rng = np.random.default_rng(search.seed)
    users = np.sort(rng.permutation(users)[: search.users_max])
    tried = {options.half_life_days: 0.0, **dict.fromkeys(search.days, 0.0)}
    for days in tried:
        table = neighbour_table(train, cut_s, replace(options, half_life_days=days))
        tried[days] = _mean_ndcg(seen[users], wanted[users], table.matrix(), search.count)
    best = max(tried, key=lambda days: tried[days])
    if tried[best] <= tried[options.half_life_days] * (1 + search.margin):
        return options
    return replace(options, half_life_days=best)


def _sampled(events: Interactions, search: HalfLifeSearch) -> Interactions:
    """Returns the events of as many users as events_max allows: whole histories, which pairs are made of."""
    if len(events) <= search.events_max:
        return events
    rng = np.random.default_rng(search.seed)
    return events.where(rng.random(events.user_count)[events.users] < search.events_max / len(events))


def _pairs_matrix(events: Interactions) -> sp.csr_matrix:
    pairs = distinct_pairs(events)
    shape = (events.user_count, events.item_count)
    return sp.csr_matrix((np.ones(len(pairs.users), np.float32), (pairs.users, pairs.item_rows)), shape=shape)


def _mean_ndcg(seen: sp.csr_matrix, wanted: sp.csr_matrix, table: sp.csr_matrix, count: int) -> float:
    """Returns NDCG@count of the users' lists, seen items left out; binary gain."""
    discounts = 1 / np.log2(np.arange(2, count + 2))
    ideal = np.cumsum(discounts)
    total = 0.0
    scores = (seen @ table).tocsr()
    for user in range(seen.shape[0]):
        ranked = _best(scores[user], _row(seen, user), count)
        relevant = _row(wanted, user)
        gains = discounts[: len(ranked)][np.isin(ranked, relevant)].sum()
        total += gains / ideal[min(len(relevant), count) - 1]
    return float(total / seen.shape[0])


def _row(matrix: sp.csr_matrix, row: int) -> NDArray[np.int32]:
    indices: NDArray[np.int32] = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
    return indices


def _best(scores: sp.csr_matrix, seen: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Returns the items with the largest scores, best first, ties by item."""
    fresh = ~np.isin(scores.indices, seen)
    items, values = scores.indices[fresh], scores.data[fresh]
    best: NDArray[np.int32] = items[np.lexsort((items, -values))[:count]]
    return best
