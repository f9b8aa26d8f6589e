"""The user's place among the item vectors."""

from __future__ import annotations

from server.inference.protocols import UserTower
from server.pipeline.degradation import DegradedReason, FailurePolicy
from server.pipeline.stages import QueryHydrator
from server.query import Floats, RecommendQuery


class UserVectorHydrator(QueryHydrator[RecommendQuery, Floats]):
    """Runs the user tower. Without its vector neither the embedding source nor the scorer can work."""

    produces = "user_vector"
    policy = FailurePolicy(DegradedReason.SCORER_UNAVAILABLE)

    def __init__(self, tower: UserTower) -> None:
        self._tower = tower

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether there are features to start from."""
        return query.user is not None

    def hydrate(self, query: RecommendQuery) -> Floats:
        """Returns the vector, float32[VECTOR_DIMS]."""
        assert query.user is not None
        return self._tower.user_vector(query.release, query.user.tower_input)
