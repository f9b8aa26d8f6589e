"""The user's features, computed from the history as of the request and against its release."""

from __future__ import annotations

import numpy as np

from ext import HistorySummary, summarize_history
from server.features.encoding import ContextFeatures, UserFeatures, encode_users
from server.features.history_weights import event_weight_table
from server.features.user_record import UserRecord
from server.pipeline.stages import QueryHydrator
from server.query import RecommendQuery, UserState

_WEIGHTS = event_weight_table()


class UserFeaturesHydrator(QueryHydrator[RecommendQuery, UserState]):
    """Summarises the history and encodes the user tower's input."""

    produces = "user"

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether anything is known of the user."""
        return query.personal

    def hydrate(self, query: RecommendQuery) -> UserState:
        """Returns the features."""
        remembered = query.remembered
        if remembered.user is None:
            remembered.user = self._compute(query)
        return remembered.user

    @staticmethod
    def _compute(query: RecommendQuery) -> UserState:
        history, release = query.history, query.release
        assert history is not None
        arrays = release.arrays
        summary = summarize_history(
            history.rows,
            history.times_s,
            history.types,
            # Events of the request's own second count: a feature takes events before its time, strictly.
            query.now_s + 1,
            _WEIGHTS,
            arrays.category,
            arrays.brand,
            arrays.price,
            arrays.title_bits,
            arrays.history_bits,
        )
        tower_input = encode_users(
            _user_features(query.record, summary),
            (query.context or ContextFeatures(page_type=int(query.page_type)),),
            release.user_category_buckets,
            release.user_brand_buckets,
        )
        return UserState(summary, tower_input)


def _user_features(record: UserRecord | None, summary: HistorySummary) -> UserFeatures:
    """Returns a batch of the one user."""
    counters = summary.counters
    return UserFeatures(
        age_bucket=np.array([record.age_bucket if record else 0], np.int8),
        gender=np.array([record.gender if record else 0], np.int8),
        location_cluster=np.array([record.location_cluster if record else -1], np.int16),
        total_views_7d=counters[0:1],
        total_purchases_30d=counters[1:2],
        avg_session_duration=counters[2:3],
        days_since_last_visit=counters[3:4],
        preferred_categories=summary.preferred_categories[np.newaxis],
        preferred_price_range=summary.price_range[np.newaxis],
        preferred_brands=summary.preferred_brands[np.newaxis],
        user_embedding=summary.user_embedding[np.newaxis],
        history_vector=summary.history_vector[np.newaxis],
    )
