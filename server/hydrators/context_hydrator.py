"""The context features of a request."""

from __future__ import annotations

from server.features.encoding import ContextFeatures
from server.features.event_types import DeviceType
from server.pipeline.stages import QueryHydrator
from server.query import RecommendQuery

SATURDAY = 5
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday.


class ContextHydrator(QueryHydrator[RecommendQuery, ContextFeatures]):
    """Takes the caller's local time and device; UTC where the caller does not say."""

    produces = "context"

    def hydrate(self, query: RecommendQuery) -> ContextFeatures:
        """Returns the features."""
        local = query.local
        hour = query.now_s // 3600 % 24 if local.local_hour is None else local.local_hour
        weekday = local.local_weekday
        if weekday is None:
            weekday = (query.now_s // 86_400 + _EPOCH_WEEKDAY) % 7
        return ContextFeatures(
            is_weekend=float(weekday >= SATURDAY),
            hour_of_day=float(hour),
            device_mobile=float(local.device_type is DeviceType.MOBILE),
            page_type=int(query.page_type),
        )
