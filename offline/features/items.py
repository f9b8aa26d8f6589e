"""Item features of (item, time) pairs."""

from __future__ import annotations

import ibis
from ibis.expr.types import IntegerColumn, NumericColumn, NumericValue, Table

from offline.features.owners import event_weight
from server.features.event_types import EventType

DAY_S = 86_400
TREND_DAYS = 7
MEAN_RATE_DAYS = 30

ITEM_FEATURE_SCHEMA = {
    "pair_id": "int64",
    "view_count_7d": "float32",
    "purchase_count_7d": "float32",
    "avg_rating": "float32",
    "num_ratings": "float32",
    "trending_score": "float32",
}
"""What of an item changes with time. days_since_added follows from added_time_s; the rest is the catalogue's."""


def item_events(owned_events: Table, items: Table) -> Table:
    """Returns item_row, time_s, event_type, rating of the events whose item is among items (item_id, item_row)."""
    known = items.select(known_id=items.item_id, item_row=items.item_row)
    joined = owned_events.join(known, owned_events.item_id == known.known_id)
    return joined.select("item_row", "time_s", "event_type", "rating")


def item_features(pairs: Table, events: Table) -> Table:
    """Returns ITEM_FEATURE_SCHEMA, a row for each pair (pair_id, item_row, as_of_s).

    events: item_events. Counts are over windows that end before as_of_s. trending_score is r / (R + 1): r the mean
    of the summed event weights of the last 7 days (age 0-1, 1-2, ... days before as_of_s), each day weighing half
    of the one after it; R the mean of a day of the last 30. An item that sells as ever scores below 1, one that
    is taking off up to 15, and a single event does not make a trend.
    """
    rows = _events_and_pairs(pairs, events)
    at = _Windows(rows.time_s)
    short_rate, norm = at.sum_days(rows.weight, 0, 1), 1.0
    for age in range(1, TREND_DAYS):
        short_rate = short_rate + at.sum_days(rows.weight, age, age + 1) * 0.5**age
        norm += 0.5**age
    long_rate = at.sum_days(rows.weight, 0, MEAN_RATE_DAYS) / float(MEAN_RATE_DAYS)
    ratings = at.sum_before(rows.is_rating)
    values = rows.mutate(
        view_count_7d=at.sum_days(rows.is_view, 0, 7),
        purchase_count_7d=at.sum_days(rows.is_purchase, 0, 7),
        num_ratings=ratings,
        avg_rating=(at.sum_before(rows.rating) / ratings.nullif(0)).coalesce(0),
        trending_score=(short_rate / norm) / (long_rate + 1.0),
    )
    asked = values.filter(values.pair_id >= 0)
    return asked.select(**{name: asked[name].cast(kind) for name, kind in ITEM_FEATURE_SCHEMA.items()})


class _Windows:
    """Sums over an item's rows by time, as of each row, that row's own second not included."""

    def __init__(self, time_s: IntegerColumn) -> None:
        self._time_s = time_s

    def sum_days(self, values: NumericColumn, youngest: int, oldest: int) -> NumericValue:
        """Returns the sum over [t - oldest days, t - youngest days)."""
        return self._sum(values, (-oldest * DAY_S, -youngest * DAY_S - 1))

    def sum_before(self, values: NumericColumn) -> NumericValue:
        """Returns the sum over everything before t."""
        return self._sum(values, (None, -1))

    def _sum(self, values: NumericColumn, bounds: tuple[int | None, int]) -> NumericValue:
        window = ibis.window(group_by="item_row", order_by=self._time_s, range=bounds)
        return values.sum().over(window).coalesce(0).cast("float64")


def _events_and_pairs(pairs: Table, events: Table) -> Table:
    def is_type(kind: EventType) -> NumericValue:
        return ibis.ifelse(events.event_type == int(kind), 1, 0).cast("int64")

    rated = (events.event_type == int(EventType.RATING)) & (events.rating >= 0)
    happened = events.select(
        pair_id=ibis.literal(-1).cast("int64"),
        item_row=events.item_row.cast("int32"),
        time_s=events.time_s.cast("int64"),
        is_view=is_type(EventType.VIEW),
        is_purchase=is_type(EventType.PURCHASE),
        is_rating=ibis.ifelse(rated, 1, 0).cast("int64"),
        rating=ibis.ifelse(rated, events.rating, 0.0).cast("float64"),
        weight=event_weight(events.event_type),
    )
    nothing, zero = ibis.literal(0).cast("int64"), ibis.literal(0.0).cast("float64")
    asked = pairs.select(
        pair_id=pairs.pair_id.cast("int64"),
        item_row=pairs.item_row.cast("int32"),
        time_s=pairs.as_of_s.cast("int64"),
        is_view=nothing,
        is_purchase=nothing,
        is_rating=nothing,
        rating=zero,
        weight=zero,
    )
    return happened.union(asked)
