"""The NumPy twins of the kernels that read a history; part of ext.reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext.history_summary import HistorySummary

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
Longs = NDArray[np.int64]
Halves = NDArray[np.uint16]

VIEW, PURCHASE = 2, 5
DAY_S = 86_400
SESSION_GAP_S = 1_800
POOLED_EVENTS_MAX = 50
PREFERENCES = 3
EVENT_TYPES = 16


def find_rows(sorted_keys: NDArray[np.uint64], rows: Rows, wanted: NDArray[np.uint64]) -> Rows:
    """Returns the row of each wanted key, int32[n], -1 where there is none. sorted_keys: ascending, each once."""
    if len(sorted_keys) != len(rows):
        raise ValueError("sorted_keys and rows differ in length")
    if not len(sorted_keys):
        return np.full(len(wanted), -1, np.int32)
    places = np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return np.where(sorted_keys[places] == wanted, rows[places], np.int32(-1))


def weigh_items(
    rows: Rows, times_s: Longs, types: NDArray[np.uint8], event_weights: Floats, half_life_days: float
) -> tuple[Rows, Floats]:
    """Returns a history's distinct items, ascending, and their weights: that of the item's strongest event.

    rows: int32[h], -1 = unknown, left out. event_weights: float32[16] by event type. An event weighs what its type does,
    halved for each half-life that it is older than the newest event.
    """
    if len(event_weights) != EVENT_TYPES or not len(rows) == len(times_s) == len(types):
        raise ValueError("rows, times_s and types must have one length, event_weights 16 entries")
    known = rows >= 0
    age_days = (times_s.max(initial=0) - times_s[known]) / DAY_S
    weights = event_weights[types[known] % EVENT_TYPES] * np.exp2(age_days / -half_life_days)
    items, item = np.unique(rows[known], return_inverse=True)
    strongest = np.zeros(len(items), np.float32)
    np.maximum.at(strongest, item, weights.astype(np.float32))
    return items, strongest


def summarize_history(
    rows: Rows,
    times_s: Longs,
    types: NDArray[np.uint8],
    now_s: int,
    event_weights: Floats,
    category: Rows,
    brand: Rows,
    price: Floats,
    title_embeddings: Halves,
    history_embeddings: Halves,
) -> HistorySummary:
    """Returns the user features of a history, oldest event first, as of now_s (events before it count).

    rows: int32[h], -1 where the release does not know the item: such an event counts for the counters only.
    event_weights: float32[16] by event type. The columns have N rows; vectors are the bits of float16, as uint16.
    """
    past = times_s < now_s
    rows, times_s, types = rows[past], times_s[past], types[past]
    known = rows >= 0
    at, kinds = rows[known], types[known]
    weights = event_weights[kinds]
    prices = np.sort(price[at][price[at] >= 0])
    pooled = at[-POOLED_EVENTS_MAX:]
    bought = brand[at[kinds == PURCHASE]]
    return HistorySummary(
        counters=_counters(times_s, types, now_s),
        preferred_categories=_preferences(category[at], weights),
        price_range=np.array([_quantile(prices, 0.1), _quantile(prices, 0.9)], np.float32),
        preferred_brands=_preferences(brand[at], weights),
        user_embedding=_mean(title_embeddings, pooled),
        history_vector=_mean(history_embeddings, pooled),
        viewed_categories=np.unique(category[at][category[at] >= 0]),
        bought_brands=np.unique(bought[bought >= 0]),
    )


def _counters(times_s: Longs, types: NDArray[np.uint8], now_s: int) -> Floats:
    if not len(times_s):
        return np.array([0, 0, 0, -1], np.float32)
    views = np.count_nonzero((types == VIEW) & (times_s >= now_s - 7 * DAY_S))
    purchases = np.count_nonzero((types == PURCHASE) & (times_s >= now_s - 30 * DAY_S))
    sessions = 1 + np.count_nonzero(np.diff(times_s) > SESSION_GAP_S)
    within = np.diff(times_s)
    duration = within[within <= SESSION_GAP_S].sum() / sessions
    absent_days = (now_s - times_s[-1]) / DAY_S
    return np.array([views, purchases, duration, absent_days], np.float32)


def _preferences(codes: Rows, weights: Floats) -> Rows:
    out = np.full(PREFERENCES, -1, np.int32)
    valid = codes >= 0
    names, place = np.unique(codes[valid], return_inverse=True)
    sums = np.bincount(place, weights[valid].astype(np.float64), len(names))
    best = np.lexsort((names, -sums))[:PREFERENCES]
    out[: len(best)] = names[best]
    return out


def _quantile(ascending: Floats, q: float) -> float:
    return float(np.quantile(ascending.astype(np.float64), q)) if len(ascending) else -1.0


ABSENCE_DAYS_MAX = 365
"""A model trained on a year of data has seen no longer absence; beyond it the input would leave its range."""


def encode_user_input(
    starts: Rows,
    age: int,
    gender: int,
    cluster: int,
    counters: Floats,
    categories: Rows,
    category_buckets: Rows,
    brands: Rows,
    brand_buckets: Rows,
    preference_values: Floats,
    price_range: Floats,
    is_weekend: float,
    hour_sine: float,
    hour_cosine: float,
    on_mobile: float,
    page: int,
    user_embedding: Floats,
    history_vector: Floats,
) -> Floats:
    """Returns the user tower's input of one user, float32[1, W]: server.features.encoding tells its blocks.

    starts: int32[12], where each block begins, and W. cluster: -1 = unknown. counters, price_range, embeddings: a HistorySummary's.
    categories, brands: its preferences, -1 = none; each adds preference_values of its place to the column of its bucket.
    """
    widths = np.diff(starts).tolist()
    blocks = [np.zeros(width, np.float32) for width in widths]
    blocks[0][min(max(age, 0), widths[0] - 1)] = 1
    blocks[1][min(max(gender, 0), widths[1] - 1)] = 1
    if cluster >= 0:
        blocks[2][cluster % widths[2]] = 1
    views, purchases, session_s, absent_days = counters.astype(np.float64)
    absence = np.log1p(min(absent_days, ABSENCE_DAYS_MAX)) / 4 if absent_days >= 0 else 0
    blocks[3][:] = np.log1p(views), np.log1p(purchases), np.log1p(session_s) / 8, absence, absent_days >= 0
    for block, codes, buckets in ((4, categories, category_buckets), (6, brands, brand_buckets)):
        known = codes >= 0
        np.add.at(blocks[block], buckets[codes[known]], preference_values[: len(codes)][known])
    low, high = np.log1p(np.maximum(price_range.astype(np.float64), 0)) / 4
    blocks[5][:] = low, high, price_range[0] >= 0
    blocks[7][:] = is_weekend, hour_sine, hour_cosine, on_mobile
    blocks[8][min(max(page, 0), widths[8] - 1)] = 1
    blocks[9][:] = user_embedding
    blocks[10][:] = history_vector
    return np.concatenate(blocks)[np.newaxis]


def from_halves(bits: Halves) -> Floats:
    """Returns the numbers whose float16 bits are given, as float32 of the same shape."""
    return bits.view(np.float16).astype(np.float32)


def _mean(vectors: Halves, rows: Rows) -> Floats:
    if not len(rows):
        return np.zeros(vectors.shape[1], np.float32)
    return np.asarray(from_halves(vectors[rows]).mean(axis=0, dtype=np.float64), np.float32)
