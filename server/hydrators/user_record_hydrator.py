"""Reads the user's record."""

from __future__ import annotations

from server.features.user_record import UserRecord
from server.pipeline.stages import QueryHydrator
from server.query import RecommendQuery
from server.stores.protocols import UserStore


class UserRecordHydrator(QueryHydrator[RecommendQuery, UserRecord | None]):
    """Reads one record, the only read of a store on the way of a request.

    Failing, it marks the answer FEATURES_MISSING and the user is served as an unknown one.
    """

    produces = "record"

    def __init__(self, users: UserStore) -> None:
        self._users = users

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the caller names a user or a session."""
        return bool(query.user_key)

    def hydrate(self, query: RecommendQuery) -> UserRecord | None:
        """Returns the record; None, which is no failure, for a user of whom nothing is stored."""
        return self._users.read(query.user_key)
