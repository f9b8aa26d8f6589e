"""User features of requests."""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from server.features.declarations import PREFERENCES_MAX, SESSION_GAP_S
from server.features.event_types import EventType

DAY_S = 86_400

USER_FEATURE_SCHEMA = {
    "request_id": "int64",
    "total_views_7d": "float32",
    "total_purchases_30d": "float32",
    "avg_session_duration": "float32",
    "days_since_last_visit": "float32",
    **{f"preferred_categories_{place}": "int32" for place in range(1, PREFERENCES_MAX + 1)},
    "price_low": "float32",
    "price_high": "float32",
    **{f"preferred_brands_{place}": "int32" for place in range(1, PREFERENCES_MAX + 1)},
}
"""preferred_categories and preferred_brands by place, strongest first; price_low, price_high: preferred_price_range."""


def user_features(requests: Table, history: Table) -> Table:
    """Returns USER_FEATURE_SCHEMA, a row for each request, with the missing values of the declarations.

    history: histories.history_before of these requests.
    """
    features = requests.select("request_id")
    for part in (
        _counters(history),
        _sessions(history),
        _preferences(history, "category", "preferred_categories"),
        _price_range(history),
        _preferences(history, "brand", "preferred_brands"),
    ):
        features = features.left_join(part, "request_id").drop("request_id_right")
    filled = {
        name: features[name].coalesce(0 if name.startswith(("total", "avg")) else -1).cast(kind)
        for name, kind in USER_FEATURE_SCHEMA.items()
    }
    return features.select(**filled)


def _counters(history: Table) -> Table:
    age_s = history.as_of_s - history.time_s
    viewed = (history.event_type == int(EventType.VIEW)) & (age_s <= 7 * DAY_S)
    bought = (history.event_type == int(EventType.PURCHASE)) & (age_s <= 30 * DAY_S)
    return history.group_by("request_id").aggregate(
        total_views_7d=ibis.ifelse(viewed, 1, 0).sum(),
        total_purchases_30d=ibis.ifelse(bought, 1, 0).sum(),
        days_since_last_visit=age_s.min().cast("float64") / float(DAY_S),
    )


def _sessions(history: Table) -> Table:
    """avg_session_duration: pauses within sessions, summed, over the number of sessions."""
    in_order = ibis.window(group_by="request_id", order_by="number")
    pauses = history.select("request_id", pause_s=history.time_s - history.time_s.lag().over(in_order))
    begins = pauses.pause_s > SESSION_GAP_S
    sums = pauses.group_by("request_id").aggregate(
        within_s=ibis.ifelse(begins, 0, pauses.pause_s).sum().coalesce(0),
        sessions=ibis.ifelse(begins, 1, 0).sum() + 1,
    )
    return sums.select(
        "request_id", avg_session_duration=sums.within_s.cast("float64") / sums.sessions.cast("float64")
    )


def _preferences(history: Table, code: str, name: str) -> Table:
    """Codes by summed weight, ties by code; weights are whole numbers, so their sums are exact on any engine."""
    known = history.filter(history[code] >= 0)
    sums = known.group_by(["request_id", code]).aggregate(total=known.weight.sum())
    order = ibis.window(group_by="request_id", order_by=[sums.total.desc(), sums[code]])
    ranked = sums.mutate(place=ibis.row_number().over(order))
    chosen = {
        f"{name}_{place + 1}": ibis.ifelse(ranked.place == place, ranked[code], None).max()
        for place in range(PREFERENCES_MAX)
    }
    return ranked.group_by("request_id").aggregate(**chosen)


def _price_range(history: Table) -> Table:
    priced = history.filter(history.price >= 0)
    return priced.group_by("request_id").aggregate(
        price_low=priced.price.quantile(0.1), price_high=priced.price.quantile(0.9)
    )
