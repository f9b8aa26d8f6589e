"""What W(items) looks like: the numbers, and the arrays that follow from them and a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.candidates.weight_codes import encode_weights
from server.features.declarations import VECTOR_DIMS
from server.features.event_types import EventType

Floats = NDArray[np.float32]
Rows = NDArray[np.int32]

WORLD_FILE = "world.json"
NOW_S = 1_760_000_000
DAY_S = 86_400
USERS_MAX = 1_000_000
"""Of a world that names no number: ten million records take 20 GB, and one is read by its key whatever their number."""


@dataclass(frozen=True, slots=True)
class WorldShape:
    """items clustered vectors, as many users (a million at most), Zipf(1.0) popularity, histories of 50 events.

    cluster_items: items around one centre. group_clusters: clusters whose items are each other's neighbours.
    taste_clusters: clusters that a user's history is drawn from. users: 0 = as many as items, up to a million.
    """

    items: int
    users: int = 0
    seed: int = 7
    cluster_items: int = 250
    group_clusters: int = 4
    taste_clusters: int = 3
    history_events: int = 50
    neighbours: int = 100
    brands: int = 1_000
    spread: float = 0.5

    @property
    def user_count(self) -> int:
        """Returns the number of users."""
        return self.users or min(self.items, USERS_MAX)

    @property
    def clusters(self) -> int:
        """Returns the number of clusters, a multiple of group_clusters."""
        groups = max(1, self.items // (self.cluster_items * self.group_clusters))
        return groups * self.group_clusters


@dataclass(frozen=True, slots=True)
class WorldItems:
    """Columns in row order: rows stand cluster by cluster, and a group of clusters is a category.

    cluster_starts: int64[clusters + 1]. weight: float64[I], Zipf popularity. vectors: unit, float32[I, VECTOR_DIMS].
    """

    cluster_starts: NDArray[np.int64]
    cluster: Rows
    category: Rows
    brand: Rows
    price: Floats
    weight: NDArray[np.float64]
    vectors: Floats


def make_items(shape: WorldShape) -> WorldItems:
    """Returns the items."""
    rng = np.random.default_rng(shape.seed)
    starts = np.linspace(0, shape.items, shape.clusters + 1).astype(np.int64)
    cluster = np.repeat(np.arange(shape.clusters, dtype=np.int32), np.diff(starts))
    ranks = rng.permutation(shape.items) + 1
    return WorldItems(
        cluster_starts=starts,
        cluster=cluster,
        category=(cluster // shape.group_clusters).astype(np.int32),
        brand=rng.integers(0, shape.brands, shape.items).astype(np.int32),
        price=rng.lognormal(3, 1, shape.items).astype(np.float32),
        weight=1.0 / ranks,
        vectors=_vectors(shape, cluster, rng),
    )


def _vectors(shape: WorldShape, cluster: Rows, rng: np.random.Generator) -> Floats:
    centres = rng.standard_normal((shape.clusters, VECTOR_DIMS), np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = rng.standard_normal((shape.items, VECTOR_DIMS), np.float32)
    vectors *= np.float32(shape.spread / np.sqrt(VECTOR_DIMS))
    vectors += centres[cluster]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def make_neighbours(shape: WorldShape, items: WorldItems) -> dict[str, NDArray[np.generic]]:
    """Returns the table served: each item as a candidate keeps `neighbours` items of its group, popular ones and
    those of its own cluster before others; then transposed by history item, so that rows vary in length."""
    rng = np.random.default_rng(shape.seed + 1)
    counts = np.zeros(shape.items, np.int64)
    # Groups are closed, so each one's entries stand together; one byte a weight from the start, for ten million items.
    rows = np.empty(shape.items * shape.neighbours, np.int32)
    codes = np.empty(len(rows), np.uint8)
    scales = np.empty(shape.items, np.float32)
    filled = 0
    for first in range(0, shape.clusters, shape.group_clusters):
        start, stop = items.cluster_starts[first], items.cluster_starts[first + shape.group_clusters]
        kept, strength = _group_neighbours(items, int(start), int(stop), shape.neighbours, rng)
        candidate = np.repeat(np.arange(stop - start, dtype=np.int32), kept.shape[1])
        order = np.lexsort((candidate, kept.ravel()))
        counts[start:stop] = np.bincount(kept.ravel(), minlength=stop - start)
        inside = slice(filled, filled + len(order))
        rows[inside] = candidate[order] + start
        codes[inside], scales[start:stop] = encode_weights(
            np.concatenate(([0], np.cumsum(counts[start:stop]))), strength.ravel()[order]
        )
        filled += len(order)
    return {
        "neighbour_offsets": np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        "neighbour_rows": rows[:filled],
        "neighbour_codes": codes[:filled],
        "neighbour_scales": scales,
    }


def _group_neighbours(
    items: WorldItems, start: int, stop: int, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Returns each candidate's history items (numbers within the group) and their strengths, [n, count] each."""
    n = stop - start
    count = min(count, n - 1)
    cluster = items.cluster[start:stop]
    pull = np.sqrt(items.weight[start:stop] / items.weight[start:stop].max()).astype(np.float32)
    strength = rng.random((n, n), np.float32) * (0.2 + pull)[np.newaxis]
    strength += 0.5 * (cluster[:, np.newaxis] == cluster)
    np.fill_diagonal(strength, -1)
    kept = np.argpartition(-strength, count, axis=1)[:, :count]
    return kept, np.take_along_axis(strength, kept, axis=1) / 10


@dataclass(frozen=True, slots=True)
class Histories:
    """A batch of users' events, [users, history_events] each, oldest first."""

    rows: NDArray[np.int64]
    times_s: NDArray[np.int64]
    types: NDArray[np.uint8]


_TYPES = np.array([EventType.VIEW, EventType.CLICK, EventType.ADD_TO_CART, EventType.PURCHASE], np.uint8)
_TYPE_SHARES = (0.6, 0.25, 0.1, 0.05)


def make_histories(
    shape: WorldShape, items: WorldItems, cumulated: NDArray[np.float64], first: int, stop: int
) -> Histories:
    """Returns the histories of users first..stop-1; cumulated: cumulated_weights(items)."""
    rng = np.random.default_rng((shape.seed, 2, first))
    users, events = stop - first, shape.history_events
    tastes = rng.integers(0, shape.clusters, (users, shape.taste_clusters))
    cluster = np.take_along_axis(tastes, rng.integers(0, shape.taste_clusters, (users, events)), axis=1)
    low = cumulated[items.cluster_starts[cluster]]
    high = cumulated[items.cluster_starts[cluster + 1]]
    drawn = low + rng.random((users, events)) * (high - low)
    rows = np.searchsorted(cumulated, drawn, side="right") - 1
    ages_s = np.sort(rng.integers(60, 60 * DAY_S, (users, events)), axis=1)[:, ::-1]
    return Histories(
        rows=np.clip(rows, 0, shape.items - 1),
        times_s=NOW_S - ages_s,
        types=rng.choice(_TYPES, (users, events), p=_TYPE_SHARES),
    )


def cumulated_weights(items: WorldItems) -> NDArray[np.float64]:
    """Returns float64[I + 1], the sums of the weights before each row."""
    return np.concatenate(([0.0], np.cumsum(items.weight)))
