"""A part of the events held out, against which tables of neighbours are judged before one is chosen.

There are two periods, the latest tenth of the events and the tenth before it, so that one odd month decides nothing.
Where they leave too few users who are known before (lines that stand user by user, all events at one time), it is a tenth
of each user's items at random. Nothing outside the given events is ever read: for an
evaluation they are the train period.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.candidates.interactions import Interactions, distinct_pairs
from server.features.event_types import EVENT_WEIGHTS

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeldOutOptions:
    """share: of the events, of one period. periods: how many, one before the other. events_max: of more, those of a sample of users are looked at.

    users_max: users who are ranked for. users_min: with fewer there is nothing to be told. count: length of the lists.
    """

    share: float = 0.1
    periods: int = 2
    count: int = 20
    events_max: int = 1_000_000
    users_max: int = 2_000
    users_min: int = 50
    seed: int = 0


@dataclass(frozen=True, slots=True)
class HeldOut:
    """train: the events before, as of cut_s. seen, wanted: users who are ranked for x items.

    seen holds what each item of the history weighs, as the server weighs it; wanted what the user took for the first
    time after it.
    """

    train: Interactions
    cut_s: float
    seen: sp.csr_matrix
    wanted: sp.csr_matrix
    count: int

    def qualities(self, table: sp.csr_matrix) -> Values:
        """Returns the mean of recall@count and NDCG@count of each user's list, seen items left out; binary gain.

        table: f32[history items, items].
        """
        discounts = 1 / np.log2(np.arange(2, self.count + 2))
        ideal = np.cumsum(discounts)
        scores = (self.seen @ table).tocsr()
        qualities = np.zeros(self.seen.shape[0])
        for user in range(len(qualities)):
            inside = slice(scores.indptr[user], scores.indptr[user + 1])
            seen = _row(self.seen, user)
            ranked = _best(scores.indices[inside], scores.data[inside], seen, self.count)
            relevant = _row(self.wanted, user)
            hits = np.isin(ranked, relevant)
            ndcg = discounts[: len(ranked)][hits].sum() / ideal[min(len(relevant), self.count) - 1]
            qualities[user] = (ndcg + hits.sum() / len(relevant)) / 2
        return qualities


def hold_out(events: Interactions, options: HeldOutOptions | None = None) -> tuple[HeldOut, ...]:
    """Returns the held-out parts, the latest first; none where there are too few users to tell anything."""
    options = options or HeldOutOptions()
    if not len(events):
        return ()
    events = _sampled(events, options)
    cuts_s = np.quantile(events.times_s, 1 - options.share * np.arange(options.periods + 1))
    found: list[HeldOut | None] = []
    for stop_s, cut_s in pairwise(cuts_s.tolist()):
        known = events.where(events.times_s < stop_s) if found else events
        found.append(_judged(known, known.times_s >= cut_s, cut_s, options))
    parts = tuple(part for part in found if part is not None)
    return parts or _random_part(events, options)


def _random_part(events: Interactions, options: HeldOutOptions) -> tuple[HeldOut, ...]:
    pairs = events.users.astype(np.int64) * events.item_count + events.item_rows
    distinct, of_pair = np.unique(pairs, return_inverse=True)
    chosen = np.random.default_rng(options.seed).random(len(distinct)) < options.share
    found = _judged(events, chosen[of_pair], float(events.times_s.max()) + 1, options)
    return () if found is None else (found,)


def _judged(
    events: Interactions, later: NDArray[np.bool_], cut_s: float, options: HeldOutOptions
) -> HeldOut | None:
    train, taken = events.where(~later), events.where(later)
    if not len(train):
        return None
    seen, wanted = _pairs_matrix(train), _pairs_matrix(taken)
    wanted = wanted - wanted.multiply(seen > 0)
    wanted.eliminate_zeros()
    users = np.flatnonzero((np.diff(wanted.indptr) > 0) & (np.diff(seen.indptr) > 0))
    if len(users) < options.users_min:
        return None
    users = np.sort(np.random.default_rng(options.seed).permutation(users)[: options.users_max])
    return HeldOut(train, cut_s, seen[users], wanted[users], options.count)


def _sampled(events: Interactions, options: HeldOutOptions) -> Interactions:
    """Returns the events of as many users as events_max allows: whole histories, which pairs are made of."""
    if len(events) <= options.events_max:
        return events
    rng = np.random.default_rng(options.seed)
    return events.where(rng.random(events.user_count)[events.users] < options.events_max / len(events))


def _pairs_matrix(events: Interactions) -> sp.csr_matrix:
    pairs = distinct_pairs(events, EVENT_WEIGHTS)
    shape = (events.user_count, events.item_count)
    return sp.csr_matrix((pairs.weights.astype(np.float32), (pairs.users, pairs.item_rows)), shape=shape)


def _row(matrix: sp.csr_matrix, row: int) -> NDArray[np.int32]:
    indices: NDArray[np.int32] = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
    return indices


def _best(
    items: NDArray[np.int32], values: NDArray[np.float32], seen: NDArray[np.int32], count: int
) -> NDArray[np.int32]:
    """Returns the unseen items with the largest scores, best first, ties by item."""
    if len(values) > count + len(seen):
        good = values >= np.partition(values, -count - len(seen))[-count - len(seen)]
        items, values = items[good], values[good]
    fresh = ~np.isin(items, seen)
    items, values = items[fresh], values[fresh]
    if len(values) > count:
        good = values >= np.partition(values, len(values) - count)[len(values) - count]
        items, values = items[good], values[good]
    best: NDArray[np.int32] = items[np.lexsort((items, -values))[:count]]
    return best
