"""Every feature, declared once.

From these declarations are driven the ibis expressions of the offline side, the request-time kernels'
inputs, the towers' input layouts (encoding.py) and the schema hash that a release carries.
A value holds *as of* a time t: it is computed from events with event_time < t, strictly.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum

HISTORY_EVENTS_MAX = 256
"""User features are functions of at most this many of the user's latest history events."""

POOLED_EVENTS_MAX = 50
"""user_embedding and the learnt history vector are means over at most this many latest events."""

SESSION_GAP_S = 1800
"""A pause longer than this begins a new session."""

PREFERENCES_MAX = 3
"""How many categories and brands a user's preferences name, strongest first."""

VECTOR_DIMS = 64
"""Dimensions of the towers' output, of the learnt item embeddings and of the ANN index."""

TITLE_DIMS = 64
"""Dimensions of title_embedding and user_embedding."""


class FeatureGroup(StrEnum):
    """Which side of a (user, item, request) triple a feature belongs to."""

    USER = "user"
    ITEM = "item"
    CROSS = "user_x_item"
    CONTEXT = "context"
    RETRIEVAL = "retrieval"


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature's name, place, type and meaning.

    width: number of values (1 = scalar). missing: the value that stands for "unknown".
    """

    name: str
    group: FeatureGroup
    dtype: str
    width: int
    missing: float
    meaning: str


_U, _I, _X, _C, _R = (
    FeatureGroup.USER,
    FeatureGroup.ITEM,
    FeatureGroup.CROSS,
    FeatureGroup.CONTEXT,
    FeatureGroup.RETRIEVAL,
)

FEATURES: tuple[Feature, ...] = (
    Feature(
        "age_bucket", _U, "int8", 1, 0, "1 under 18, 2 18-24, 3 25-34, 4 35-44, 5 45-54, 6 55-64, 7 over 64"
    ),
    Feature("gender", _U, "int8", 1, 0, "as event_types.Gender"),
    Feature("location_cluster", _U, "int16", 1, -1, "the caller's own cluster number, 0 to 32767"),
    Feature("total_views_7d", _U, "float32", 1, 0, "view events in [t - 7 days, t)"),
    Feature("total_purchases_30d", _U, "float32", 1, 0, "purchase events in [t - 30 days, t)"),
    Feature(
        "avg_session_duration", _U, "float32", 1, 0, "mean seconds from first to last event of a session"
    ),
    Feature("days_since_last_visit", _U, "float32", 1, -1, "days from the last history event to t"),
    Feature(
        "preferred_categories",
        _U,
        "int32",
        PREFERENCES_MAX,
        -1,
        "category codes by summed event weight, ties by code",
    ),
    Feature(
        "preferred_price_range",
        _U,
        "float32",
        2,
        -1,
        "10 % and 90 % quantile (linear) of the history items' prices",
    ),
    Feature(
        "preferred_brands",
        _U,
        "int32",
        PREFERENCES_MAX,
        -1,
        "brand codes by summed event weight, ties by code",
    ),
    Feature(
        "user_embedding",
        _U,
        "float32",
        TITLE_DIMS,
        0,
        "mean title_embedding of the last POOLED_EVENTS_MAX history events' items",
    ),
    Feature("category", _I, "int32", 1, -1, "category code"),
    Feature("brand", _I, "int32", 1, -1, "brand code"),
    Feature("price", _I, "float32", 1, -1, "price in the shop's currency"),
    Feature("view_count_7d", _I, "float32", 1, 0, "view events in [t - 7 days, t)"),
    Feature("purchase_count_7d", _I, "float32", 1, 0, "purchase events in [t - 7 days, t)"),
    Feature("avg_rating", _I, "float32", 1, 0, "mean rating, all time"),
    Feature("num_ratings", _I, "float32", 1, 0, "number of ratings, all time"),
    Feature(
        "title_embedding",
        _I,
        "float32",
        TITLE_DIMS,
        0,
        "hashed TF-IDF of title, category and brand, projected by SVD; unit length",
    ),
    Feature("image_embedding", _I, "float32", 0, 0, "the caller's vector; width is the release's image_dims"),
    Feature("days_since_added", _I, "float32", 1, 0, "days from the item's added time to t"),
    Feature("trending_score", _I, "float32", 1, 0, "short-term over long-term decayed event rate"),
    Feature("in_stock", _I, "float32", 1, 1, "1 in stock, else 0"),
    Feature("is_promoted", _I, "float32", 1, 0, "1 promoted, else 0"),
    Feature(
        "user_viewed_category", _X, "float32", 1, 0, "1 if a history event's item has the item's category"
    ),
    Feature("user_bought_brand", _X, "float32", 1, 0, "1 if a purchase in the history has the item's brand"),
    Feature(
        "price_in_range", _X, "float32", 1, 0.5, ".5 without a range, 1 inside, falling linearly outside"
    ),
    Feature("embedding_similarity", _X, "float32", 1, 0, "cosine of user_embedding and title_embedding"),
    Feature("item_popularity_score", _X, "float32", 1, 0, "log1p(view_count_7d)"),
    Feature("item_conversion_rate", _X, "float32", 1, 0, "purchase_count_7d / max(view_count_7d, 1)"),
    Feature("is_weekend", _C, "float32", 1, 0, "1 on Saturday and Sunday, local time"),
    Feature("hour_of_day", _C, "float32", 1, 0, "0 to 23, local time"),
    Feature("device_mobile", _C, "float32", 1, 0, "1 on a mobile device"),
    Feature("page_type", _C, "int8", 1, 0, "as event_types.PageType"),
    Feature(
        "collaborative_score",
        _R,
        "float32",
        1,
        0,
        "(score - lowest) / (largest - lowest) of the collaborative list; 0 where it did not nominate",
    ),
    Feature("embedding_score", _R, "float32", 1, 0, "the same, of the embedding list"),
    Feature("popularity_score", _R, "float32", 1, 0, "the same, of the popularity list"),
    Feature("source_count", _R, "float32", 1, 0, "how many sources nominated the item"),
)

CROSS_FEATURES: tuple[str, ...] = tuple(
    f.name for f in FEATURES if f.group in (FeatureGroup.CROSS, FeatureGroup.RETRIEVAL)
)
"""Columns of the cross-feature matrix, in order: what the ranker's head reads for each candidate."""


def feature(name: str) -> Feature:
    """Returns the declaration of a feature. Raises KeyError for an unknown name."""
    return _BY_NAME[name]


_BY_NAME = {f.name: f for f in FEATURES}


def schema_hash() -> str:
    """Returns a hash of all declarations; a release built from others is refused by a server."""
    text = json.dumps([asdict(f) for f in FEATURES] + [HISTORY_EVENTS_MAX, POOLED_EVENTS_MAX, SESSION_GAP_S])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
