"""A user's input at serving is what training made of the same values."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ext import HistorySummary
from server.features.declarations import TITLE_DIMS, VECTOR_DIMS
from server.features.encoding import (
    PREFERENCE_BUCKETS,
    USER_WIDTH,
    ContextFeatures,
    UserFeatures,
    encode_user,
    encode_users,
)

CODES = 9
codes = st.lists(st.integers(-1, CODES - 1), min_size=3, max_size=3)
amounts = st.floats(0, 1e6, width=32)


def summary_of(
    counters: list[float], categories: list[int], brands: list[int], prices: list[float]
) -> HistorySummary:
    rng = np.random.default_rng(1)
    return HistorySummary(
        counters=np.array(counters, np.float32),
        preferred_categories=np.array(categories, np.int32),
        price_range=np.array(prices, np.float32),
        preferred_brands=np.array(brands, np.int32),
        user_embedding=rng.standard_normal(TITLE_DIMS, np.float32),
        history_vector=rng.standard_normal(VECTOR_DIMS, np.float32),
        viewed_categories=np.empty(0, np.int32),
        bought_brands=np.empty(0, np.int32),
    )


@given(
    st.tuples(st.integers(-3, 20), st.integers(-3, 20), st.integers(-1, 90)),
    st.tuples(amounts, amounts, amounts, st.one_of(st.just(-1.0), amounts)),
    codes,
    codes,
    st.one_of(st.just([-1.0, -1.0]), st.lists(amounts, min_size=2, max_size=2)),
    st.tuples(
        st.sampled_from([0.0, 1.0]), st.integers(0, 23), st.sampled_from([0.0, 1.0]), st.integers(0, 6)
    ),
)
def test_one_user_is_encoded_as_a_batch_of_one(
    profile: tuple[int, int, int],
    counters: tuple[float, ...],
    categories: list[int],
    brands: list[int],
    prices: list[float],
    page: tuple[float, int, float, int],
) -> None:
    summary = summary_of(list(counters), categories, brands, prices)
    context = ContextFeatures(page[0], float(page[1]), page[2], page[3])
    buckets = np.array([3, 3, 1, 0, 7, 31, 2, 2, 5], np.int32)
    batch = UserFeatures(
        age_bucket=np.array(profile[:1], np.int8),
        gender=np.array(profile[1:2], np.int8),
        location_cluster=np.array(profile[2:], np.int16),
        total_views_7d=summary.counters[0:1],
        total_purchases_30d=summary.counters[1:2],
        avg_session_duration=summary.counters[2:3],
        days_since_last_visit=summary.counters[3:4],
        preferred_categories=summary.preferred_categories[np.newaxis],
        preferred_price_range=summary.price_range[np.newaxis],
        preferred_brands=summary.preferred_brands[np.newaxis],
        user_embedding=summary.user_embedding[np.newaxis],
        history_vector=summary.history_vector[np.newaxis],
    )
    assert buckets.max() < PREFERENCE_BUCKETS
    ours = encode_user(profile, summary, context, (buckets, buckets[::-1].copy()))
    theirs = encode_users(batch, (context,), buckets, buckets[::-1].copy())
    assert ours.shape == (1, USER_WIDTH)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
