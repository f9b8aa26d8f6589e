"""Positive history events as columns: what neighbours, popularity and evaluation are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from server.features.event_types import EventType

SECONDS_PER_DAY = 86_400.0

BASKET_GAP_S = 1_800
"""Half an hour of silence ends a visit, as web analytics count visits."""


@dataclass(frozen=True, slots=True)
class Interactions:
    """Events in any order, one element of each array an event. Only history events (event_types) belong here.

    users i32: code of a user, 0 to user_count - 1. item_rows i32: 0 to item_count - 1.
    times_s i64: epoch seconds. types u8: EventType. pages u8: PageType.
    """

    users: NDArray[np.int32]
    item_rows: NDArray[np.int32]
    times_s: NDArray[np.int64]
    types: NDArray[np.uint8]
    pages: NDArray[np.uint8]
    user_count: int
    item_count: int

    def __len__(self) -> int:
        return int(self.users.size)

    def where(self, keep: NDArray[np.bool_]) -> Interactions:
        """Returns the events with a true flag; codes and rows keep their meaning."""
        return self.take(np.flatnonzero(keep))

    def take(self, order: NDArray[np.int64]) -> Interactions:
        """Returns the events at these places, in this order; codes and rows keep their meaning."""
        return Interactions(
            self.users[order],
            self.item_rows[order],
            self.times_s[order],
            self.types[order],
            self.pages[order],
            self.user_count,
            self.item_count,
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    """Distinct (user, item) pairs, ordered by user, then item row. latest_s: the pair's latest event.

    weights f64: the largest type weight among the pair's events.
    """

    users: NDArray[np.int32]
    item_rows: NDArray[np.int32]
    latest_s: NDArray[np.int64]
    weights: NDArray[np.float64]


def distinct_pairs(events: Interactions, type_weights: Mapping[EventType, float] | None = None) -> Pairs:
    """Returns each user's distinct items. type_weights: by event type, absent ones 0; None counts every type 1."""
    keys = events.users.astype(np.int64) * events.item_count + events.item_rows
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if keys.size else keys
    if not keys.size:
        return Pairs(events.users, events.item_rows, events.times_s, np.empty(0))
    first = order[starts]
    weights = np.maximum.reduceat(_weights_by_type(type_weights)[events.types[order]], starts)
    latest = np.maximum.reduceat(events.times_s[order], starts)
    return Pairs(events.users[first], events.item_rows[first], latest, weights)


def baskets(events: Interactions, gap_s: int = BASKET_GAP_S) -> Interactions:
    """Returns the events with a basket in place of the user: a user's events that follow one another within gap_s."""
    order = np.lexsort((events.times_s, events.users))
    users, times_s = events.users[order], events.times_s[order]
    begins = np.ones(len(events), dtype=bool)
    begins[1:] = (users[1:] != users[:-1]) | (times_s[1:] - times_s[:-1] > gap_s)
    codes = np.empty(len(events), np.int32)
    codes[order] = np.cumsum(begins) - 1
    return replace(events, users=codes, user_count=int(np.count_nonzero(begins)))


def latest_pairs(pairs: Pairs, items_max: int) -> Pairs:
    """Returns each user's items_max latest pairs; of pairs of one time, those with the lowest item rows."""
    order = np.lexsort((pairs.item_rows, -pairs.latest_s, pairs.users))
    users = pairs.users[order]
    place = np.arange(users.size) - np.searchsorted(users, users)
    kept = np.sort(order[place < items_max])
    return Pairs(pairs.users[kept], pairs.item_rows[kept], pairs.latest_s[kept], pairs.weights[kept])


def decay(times_s: NDArray[np.int64], now_s: float, half_life_days: float | None) -> NDArray[np.float64]:
    """Returns .5 to the power of age over half-life; 1 for events after now_s, and for all without a half-life."""
    if half_life_days is None:
        return np.ones(times_s.size)
    age_days = np.maximum(now_s - times_s, 0.0) / SECONDS_PER_DAY
    return np.asarray(np.exp2(-age_days / half_life_days))


def _weights_by_type(type_weights: Mapping[EventType, float] | None) -> NDArray[np.float64]:
    if type_weights is None:
        return np.ones(256)
    table = np.zeros(256)
    for event_type, weight in type_weights.items():
        table[event_type] = weight
    return table
