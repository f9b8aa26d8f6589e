"""Keeps what was shown, so that events can be joined to it."""

from __future__ import annotations

from collections.abc import Sequence

from server.pipeline.side_effect_runner import SideEffect
from server.stores.protocols import LoggedRecommendation, RecommendationLog


class RecommendationStoreEffect(SideEffect[LoggedRecommendation]):
    """Appends to the store of recommendations, from which WriteImpressions finds its items."""

    def __init__(self, recommendations: RecommendationLog) -> None:
        self._recommendations = recommendations

    def apply(self, entries: Sequence[LoggedRecommendation]) -> None:
        """Stores the entries in one call."""
        self._recommendations.append(entries)
