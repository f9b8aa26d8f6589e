"""From feature values to the dense inputs of the two towers: the one definition for training and serving.

Counts enter as log1p, categories and brands by feature hashing (so that a value born after the training
still has a place), small enumerations as one-hot blocks. Blocks stand in the order of USER_BLOCKS and
item_blocks(); a release's model.json repeats them, and a server refuses a model whose blocks differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

from ext import HistorySummary, encode_user_input
from ext.history_reference import ABSENCE_DAYS_MAX
from server.features.declarations import PREFERENCES_MAX, TITLE_DIMS, VECTOR_DIMS
from server.features.identity import hash_bucket

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]

AGE_BUCKETS = 8
GENDERS = 4
LOCATION_BUCKETS = 16
PAGE_TYPES = 7
PREFERENCE_BUCKETS = 32
ITEM_HASH_BUCKETS = 64

# As with ABSENCE_DAYS_MAX: a model trained on a year of data has seen no older item.
ITEM_AGE_DAYS_MAX = 365


@dataclass(frozen=True, slots=True)
class Block:
    """A run of columns of a tower's input."""

    name: str
    width: int


USER_BLOCKS: tuple[Block, ...] = (
    Block("age_bucket", AGE_BUCKETS),
    Block("gender", GENDERS),
    Block("location_cluster", LOCATION_BUCKETS),
    Block("counters", 5),
    Block("preferred_categories", PREFERENCE_BUCKETS),
    Block("preferred_price_range", 3),
    Block("preferred_brands", PREFERENCE_BUCKETS),
    Block("context", 4),
    Block("page_type", PAGE_TYPES),
    Block("user_embedding", TITLE_DIMS),
    Block("history_vector", VECTOR_DIMS),
)


def item_blocks(image_dims: int) -> tuple[Block, ...]:
    """Returns the item tower's blocks; the last one, the learnt id embedding, is zero for a new item."""
    return (
        Block("category", ITEM_HASH_BUCKETS),
        Block("brand", ITEM_HASH_BUCKETS),
        Block("numbers", 10),
        Block("title_embedding", TITLE_DIMS),
        Block("image_embedding", image_dims),
        Block("id_embedding", VECTOR_DIMS),
    )


def block_slices(blocks: Sequence[Block]) -> dict[str, slice]:
    """Returns the columns of each block."""
    slices: dict[str, slice] = {}
    start = 0
    for block in blocks:
        slices[block.name] = slice(start, start + block.width)
        start += block.width
    return slices


def total_width(blocks: Sequence[Block]) -> int:
    """Returns the number of columns of all blocks."""
    return sum(block.width for block in blocks)


_USER = block_slices(USER_BLOCKS)
USER_WIDTH = total_width(USER_BLOCKS)
_USER_STARTS = np.array([*(columns.start for columns in _USER.values()), USER_WIDTH], np.int32)


@dataclass(frozen=True, slots=True)
class ContextFeatures:
    """The request's side. hour_of_day 0 to 23; the rest as declared."""

    is_weekend: float = 0.0
    hour_of_day: float = 12.0
    device_mobile: float = 0.0
    page_type: int = 0


@dataclass(slots=True)
class UserFeatures:
    """A batch of B users' values, as declared; codes are those of the vocabularies given to encode_users."""

    age_bucket: NDArray[np.int8]  # [B]
    gender: NDArray[np.int8]  # [B]
    location_cluster: NDArray[np.int16]  # [B]
    total_views_7d: Floats  # [B]
    total_purchases_30d: Floats  # [B]
    avg_session_duration: Floats  # [B], seconds
    days_since_last_visit: Floats  # [B], -1 = never
    preferred_categories: Codes  # [B, PREFERENCES_MAX], -1 = none
    preferred_price_range: Floats  # [B, 2], -1 = none
    preferred_brands: Codes  # [B, PREFERENCES_MAX], -1 = none
    user_embedding: Floats  # [B, TITLE_DIMS], not normalised
    history_vector: Floats  # [B, VECTOR_DIMS], mean of learnt history embeddings


def bucket_table(vocabulary: Sequence[str], buckets: int) -> Codes:
    """Returns the hash bucket of each code of a vocabulary, int32[len(vocabulary)]."""
    return np.fromiter((hash_bucket(v, buckets) for v in vocabulary), np.int32, len(vocabulary))


def encode_users(
    users: UserFeatures,
    context: Sequence[ContextFeatures],
    category_buckets: Codes,
    brand_buckets: Codes,
) -> Floats:
    """Returns the user tower's input, float32[B, USER_WIDTH].

    context: one for each user. category_buckets, brand_buckets: bucket_table(vocabulary, PREFERENCE_BUCKETS).
    """
    n = len(users.age_bucket)
    out = np.zeros((n, USER_WIDTH), np.float32)
    at = np.arange(n)
    out[at, _USER["age_bucket"].start + np.clip(users.age_bucket, 0, AGE_BUCKETS - 1)] = 1
    out[at, _USER["gender"].start + np.clip(users.gender, 0, GENDERS - 1)] = 1
    located = np.flatnonzero(users.location_cluster >= 0)
    cluster = users.location_cluster[located] % LOCATION_BUCKETS
    out[located, _USER["location_cluster"].start + cluster] = 1
    seen = users.days_since_last_visit >= 0
    counters = _USER["counters"].start
    out[:, counters] = np.log1p(users.total_views_7d)
    out[:, counters + 1] = np.log1p(users.total_purchases_30d)
    out[:, counters + 2] = np.log1p(users.avg_session_duration) / 8
    absent_days = np.clip(users.days_since_last_visit, 0, ABSENCE_DAYS_MAX)
    out[:, counters + 3] = np.where(seen, np.log1p(absent_days) / 4, 0)
    out[:, counters + 4] = seen
    _hash_preferences(out, _USER["preferred_categories"].start, users.preferred_categories, category_buckets)
    _hash_preferences(out, _USER["preferred_brands"].start, users.preferred_brands, brand_buckets)
    priced = users.preferred_price_range[:, 0] >= 0
    price = _USER["preferred_price_range"].start
    out[:, price : price + 2] = np.log1p(np.maximum(users.preferred_price_range, 0)) / 4
    out[:, price + 2] = priced
    hour = np.array([c.hour_of_day for c in context], np.float32) * np.float32(np.pi / 12)
    start = _USER["context"].start
    out[:, start] = [c.is_weekend for c in context]
    out[:, start + 1] = np.sin(hour)
    out[:, start + 2] = np.cos(hour)
    out[:, start + 3] = [c.device_mobile for c in context]
    page = np.array([c.page_type for c in context], np.int64)
    out[at, _USER["page_type"].start + np.clip(page, 0, PAGE_TYPES - 1)] = 1
    out[:, _USER["user_embedding"]] = users.user_embedding
    out[:, _USER["history_vector"]] = users.history_vector
    return out


def encode_user(
    profile: tuple[int, int, int],
    summary: HistorySummary,
    context: ContextFeatures,
    buckets: tuple[Codes, Codes],
) -> Floats:
    """Returns what encode_users does for one user, float32[1, USER_WIDTH], in a kernel.

    profile: age bucket, gender, location cluster. buckets: of categories and of brands.
    """
    angle = context.hour_of_day * pi / 12
    return encode_user_input(
        _USER_STARTS,
        *profile,
        summary.counters,
        summary.preferred_categories,
        buckets[0],
        summary.preferred_brands,
        buckets[1],
        _PREFERENCE_VALUES,
        summary.price_range,
        context.is_weekend,
        sin(angle),
        cos(angle),
        context.device_mobile,
        context.page_type,
        summary.user_embedding,
        summary.history_vector,
    )


_PREFERENCE_VALUES = (1 / np.arange(1, PREFERENCES_MAX + 1)).astype(np.float32)


def _hash_preferences(out: Floats, start: int, codes: Codes, buckets: Codes) -> None:
    """Adds 1, 1/2, 1/3 for the first, second, third preference to its bucket's column."""
    users, places = np.nonzero(codes >= 0)
    # Unlike +=, add.at adds twice where two preferences of a user share a bucket.
    np.add.at(out, (users, start + buckets[codes[users, places]]), _PREFERENCE_VALUES[places])


@dataclass(slots=True)
class ItemFeatures:
    """A batch of N items' values, as declared; id_embedding is zero where there is none."""

    category: Codes  # [N], -1 = none
    brand: Codes  # [N], -1 = none
    price: Floats  # [N], -1 = unknown
    view_count_7d: Floats  # [N]
    purchase_count_7d: Floats  # [N]
    avg_rating: Floats  # [N]
    num_ratings: Floats  # [N]
    days_since_added: Floats  # [N]
    trending_score: Floats  # [N]
    in_stock: Floats  # [N]
    is_promoted: Floats  # [N]
    title_embedding: Floats  # [N, TITLE_DIMS]
    image_embedding: Floats  # [N, image_dims]
    id_embedding: Floats  # [N, VECTOR_DIMS]


def encode_items(items: ItemFeatures, category_buckets: Codes, brand_buckets: Codes) -> Floats:
    """Returns the item tower's input, float32[N, total_width(item_blocks(image_dims))].

    category_buckets, brand_buckets: bucket_table(vocabulary, ITEM_HASH_BUCKETS).
    """
    n = len(items.price)
    blocks = item_blocks(items.image_embedding.shape[1])
    columns = block_slices(blocks)
    out = np.zeros((n, total_width(blocks)), np.float32)
    for name, codes, buckets in (
        ("category", items.category, category_buckets),
        ("brand", items.brand, brand_buckets),
    ):
        known = np.flatnonzero(codes >= 0)
        out[known, columns[name].start + buckets[codes[known]]] = 1
    numbers = (
        np.where(items.price >= 0, np.log1p(np.maximum(items.price, 0)) / 4, 0),
        items.price >= 0,
        np.log1p(items.view_count_7d) / 4,
        np.log1p(items.purchase_count_7d) / 4,
        items.avg_rating / 5,
        np.log1p(items.num_ratings) / 4,
        np.log1p(np.clip(items.days_since_added, 0, ITEM_AGE_DAYS_MAX)) / 6,
        np.log1p(np.maximum(items.trending_score, 0)),
        items.in_stock,
        items.is_promoted,
    )
    for offset, column in enumerate(numbers):
        out[:, columns["numbers"].start + offset] = column
    out[:, columns["title_embedding"]] = items.title_embedding
    out[:, columns["image_embedding"]] = items.image_embedding
    out[:, columns["id_embedding"]] = items.id_embedding
    return out
