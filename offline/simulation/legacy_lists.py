"""The lists that the store showed before it had a recommender: popular items of a favourite category, in an order that
leans on quality and is noisy. They are what position bias can be learnt from: one item at many places."""

from __future__ import annotations

import numpy as np

from offline.simulation.browsing import Actions, Sessions, page_actions, respond, take_users
from offline.simulation.draws import Indexes, zipf_ranks
from offline.simulation.store import SimulatedStore
from server.features.event_types import EventType

LIST_LENGTH = 20
LIST_SHARE = 0.3
"""Share of sessions that begin with a list."""
ORDER_NOISE = 1.0


def legacy_lists(store: SimulatedStore, sessions: Sessions, rng: np.random.Generator) -> Indexes:
    """Returns item indexes i64[sessions, LIST_LENGTH], each once a list, best first; -1 where a list runs short."""
    users = store.users(sessions.users)
    favourite = users.favourites[np.arange(len(sessions)), rng.choice(3, len(sessions))]
    anything = rng.integers(0, store.category_count, (len(sessions), LIST_LENGTH))
    category = np.where(rng.random(anything.shape) < 0.5, favourite[:, None], anything)
    starts = store.category_starts[category]
    ranks = zipf_ranks(
        rng.random(category.shape),
        store.category_starts[category + 1] - starts,
        store.parameters.measured.item_exponent,
    )
    indexes = starts + ranks
    shown = store.items(indexes)
    score = shown.quality + ORDER_NOISE * rng.standard_normal(indexes.shape)
    usable = (shown.added_day <= sessions.days[:, None]) & first_of_each(indexes)
    order = np.argsort(np.where(usable, -score, np.inf), axis=1)
    kept = np.take_along_axis(usable, order, axis=1)
    return np.where(kept, np.take_along_axis(indexes, order, axis=1), -1)


def shown_lists(
    store: SimulatedStore, sessions: Sessions, rng: np.random.Generator
) -> tuple[Actions, Indexes, Indexes]:
    """Returns (impressions, clicks and what follows; the sessions that saw a list; their lists)."""
    at = np.flatnonzero(rng.random(len(sessions)) < LIST_SHARE)
    some = Sessions(sessions.users[at], sessions.seconds[at] - 60)
    lists = legacy_lists(store, some, rng)
    users = take_users(store.users(some.users), np.arange(at.size))
    clicked, _ = respond(store, users, np.maximum(lists, 0), some.days, rng)
    row, place = np.nonzero(lists >= 0)
    seconds = some.seconds[row]
    parts = [Actions.of(at[row], lists[row, place], EventType.IMPRESSION, seconds, positions=place)]
    row, place = np.nonzero(clicked & (lists >= 0))
    seconds = some.seconds[row] + 5 + place
    parts.append(Actions.of(at[row], lists[row, place], EventType.CLICK, seconds, positions=place))
    parts += page_actions(store, sessions, at[row], lists[row, place], seconds, rng)
    return Actions.join(parts), at, lists


def first_of_each(lists: Indexes) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Returns where a value stands for the first time in its row."""
    order = np.argsort(lists, axis=1, kind="stable")
    ordered = np.take_along_axis(lists, order, axis=1)
    fresh = np.ones(lists.shape, np.bool_)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    found = np.empty_like(fresh)
    np.put_along_axis(found, order, fresh, axis=1)
    return found
