"""The user's features, computed from the history as of the request and against its release."""

from __future__ import annotations

from ext import summarize_history
from server.features.encoding import ContextFeatures, encode_user
from server.features.history_weights import event_weight_table
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
        record = query.record
        tower_input = encode_user(
            (0, 0, -1) if record is None else (record.age_bucket, record.gender, record.location_cluster),
            summary,
            query.context or ContextFeatures(page_type=int(query.page_type)),
            (release.user_category_buckets, release.user_brand_buckets),
        )
        return UserState(summary, tower_input)
