"""What the towers are trained on: queries (a user at a time), their examples, and item inputs by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from server.features.declarations import HISTORY_EVENTS_MAX, POOLED_EVENTS_MAX
from server.features.encoding import ContextFeatures, UserFeatures, encode_users

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]
Longs = NDArray[np.int64]

DAY_S = 86_400


class ItemSnapshots(Protocol):
    """Item tower inputs as of the start of a UTC day."""

    def inputs_at(self, day: int, rows: Longs) -> Floats:
        """Returns float32[len(rows), item width] as of the start of this day since 1970, id_embedding zero."""
        ...


@dataclass(slots=True)
class ContextColumns:
    """The context features of Q queries, float32[Q] each; page_type int64[Q]."""

    is_weekend: Floats
    hour_of_day: Floats
    device_mobile: Floats
    page_type: Longs

    def of(self, queries: Longs, hour_of_day: Floats | None = None) -> list[ContextFeatures]:
        """Returns one value a query. hour_of_day: float32[len(queries)], to stand in for the true hours."""
        hours = self.hour_of_day[queries] if hour_of_day is None else hour_of_day
        columns = (self.is_weekend[queries], hours, self.device_mobile[queries], self.page_type[queries])
        return [
            ContextFeatures(weekend, hour, mobile, page)
            for weekend, hour, mobile, page in zip(*(column.tolist() for column in columns), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class HistoryEvents:
    """History events of all users, a user's own together, oldest first. rows: -1 where the item is not known."""

    rows: Codes
    times_s: Longs
    types: NDArray[np.uint8]


@dataclass(slots=True)
class TrainingData:
    """Q queries with X examples over I items, all as of the queries' own times.

    users: their features, history_vector left out of account. times_s: int64[Q].
    All that query q's user did before q's time, and nothing else, is history[history_start[q]:history_stop[q]];
    history_start also tells users apart.
    example_rows, example_weights: what query q led to is at example_offsets[q]:example_offsets[q+1].
    category_buckets, brand_buckets: bucket_table(vocabulary, PREFERENCE_BUCKETS).
    """

    item_count: int
    image_dims: int
    users: UserFeatures
    contexts: ContextColumns
    times_s: Longs
    history: HistoryEvents
    history_start: Longs
    history_stop: Longs
    example_offsets: Longs
    example_rows: Codes
    example_weights: Floats
    category_buckets: Codes
    brand_buckets: Codes
    items: ItemSnapshots

    @property
    def all_rows(self) -> Longs:
        """All item rows, int64[I]."""
        return np.arange(self.item_count, dtype=np.int64)

    @property
    def history_owner(self) -> Longs:
        """A number for each query that is equal for queries of one user and for no others, int64[Q]."""
        return self.history_start

    def user_inputs(self, queries: Longs, hour_of_day: Floats | None = None) -> Floats:
        """Returns float32[B, USER_WIDTH]; history_vector is zero, for the model to fill.

        hour_of_day: float32[B], to stand in for the true hours.
        """
        taken = {f.name: getattr(self.users, f.name)[queries] for f in fields(UserFeatures)}
        contexts = self.contexts.of(queries, hour_of_day)
        return encode_users(UserFeatures(**taken), contexts, self.category_buckets, self.brand_buckets)

    def histories(self, queries: Longs) -> Longs:
        """Returns int64[B, POOLED_EVENTS_MAX]: the latest known rows of each query, padded with item_count."""
        return pad_histories(self.history.rows, *self.latest(queries), self.item_count)

    def latest(self, queries: Longs) -> tuple[Longs, Longs]:
        """Returns start and stop of the events of each query that its features are functions of."""
        stops = self.history_stop[queries]
        return np.maximum(self.history_start[queries], stops - HISTORY_EVENTS_MAX), stops

    def examples(self, queries: Longs) -> tuple[Longs, Longs, Floats]:
        """Returns (place in queries, item row, weight) of all examples of these queries."""
        counts = self.example_offsets[queries + 1] - self.example_offsets[queries]
        place = np.repeat(np.arange(len(queries)), counts)
        at = ranges(self.example_offsets[queries], counts)
        return place, self.example_rows[at].astype(np.int64), self.example_weights[at]


def ranges(starts: Longs, counts: Longs) -> Longs:
    """Returns start, start+1, ... of each (start, count), one after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) + np.repeat(starts - (ends - counts), counts))


def pad_histories(rows: Codes, starts: Longs, stops: Longs, padding: int) -> Longs:
    """Returns int64[B, POOLED_EVENTS_MAX] of the last known rows in each rows[start:stop], padded at the end.

    As the request does it: only rows that are known (not -1) count towards the limit.
    """
    known = np.flatnonzero(rows >= 0)
    first, last = np.searchsorted(known, starts), np.searchsorted(known, stops)
    first = np.maximum(first, last - POOLED_EVENTS_MAX)
    counts = last - first
    padded = np.full((len(starts), POOLED_EVENTS_MAX), padding, np.int64)
    place = np.repeat(np.arange(len(starts)), counts)
    padded[place, ranges(np.zeros(len(starts), np.int64), counts)] = rows[known[ranges(first, counts)]]
    return padded


@dataclass(frozen=True, slots=True)
class Batch:
    """Queries that are trained on together, with the day as of which all of its items are read."""

    day: int
    queries: Longs


def plan_batches(
    times_s: Longs, queries: Longs, queries_min: int, queries_max: int, rng: np.random.Generator
) -> Sequence[Batch]:
    """Returns the batches of an epoch over `queries`, in random order.

    A batch holds queries of one UTC day, so that its items are seen as of the start of that day; following
    days are joined until there are queries_min, read as of the first, and a day with more than queries_max
    is cut into random parts.
    """
    order = queries[np.argsort(times_s[queries], kind="stable")]
    days = times_s[order] // DAY_S
    starts = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
    batches: list[Batch] = []
    begin = 0
    for stop in [*starts[1:].tolist(), len(order)]:
        if stop - begin < queries_min and stop < len(order):
            continue
        group = rng.permutation(order[begin:stop])
        day = int(days[begin])
        parts = max(1, -(-len(group) // queries_max))
        batches += [Batch(day, part) for part in np.array_split(group, parts)]
        begin = stop
    return [batches[i] for i in rng.permutation(len(batches))]
