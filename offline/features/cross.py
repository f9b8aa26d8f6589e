"""User x item and context features."""

from __future__ import annotations

import ibis
from ibis.expr.types import BooleanValue, IntegerValue, NumericValue, Table

from server.features.event_types import DeviceType, EventType

HOUR_S = 3_600
DAY_S = 86_400

CROSS_FEATURE_SCHEMA = {
    "pair_id": "int64",
    "user_viewed_category": "float32",
    "user_bought_brand": "float32",
    "price_in_range": "float32",
    "item_popularity_score": "float32",
    "item_conversion_rate": "float32",
}
"""embedding_similarity needs vectors (embeddings.py); the retrieval scores belong to the candidate lists."""


def cross_features(pairs: Table, history: Table, users: Table) -> Table:
    """Returns CROSS_FEATURE_SCHEMA, a row for each pair.

    pairs: pair_id, request_id, category, brand, price (of the item), view_count_7d, purchase_count_7d (as of a
    time that is not after the request). history: histories.history_before. users: users.user_features.
    """
    viewed = _distinct_codes(history, "category", "viewed_category")
    purchases = history.filter(history.event_type == int(EventType.PURCHASE))
    bought = _distinct_codes(purchases, "brand", "bought_brand")
    ranges = users.select(range_request=users.request_id, low=users.price_low, high=users.price_high)
    joined = pairs.left_join(
        viewed, [pairs.request_id == viewed.of_request, pairs.category == viewed.viewed_category]
    ).drop("of_request")
    joined = joined.left_join(
        bought, [joined.request_id == bought.of_request, joined.brand == bought.bought_brand]
    ).drop("of_request")
    joined = joined.left_join(ranges, joined.request_id == ranges.range_request)
    views, purchased = joined.view_count_7d.cast("float64"), joined.purchase_count_7d.cast("float64")
    values = joined.mutate(
        user_viewed_category=_flag(joined.viewed_category.notnull()),
        user_bought_brand=_flag(joined.bought_brand.notnull()),
        price_in_range=_price_in_range(
            joined.price.cast("float64"), joined.low.cast("float64"), joined.high.cast("float64")
        ),
        item_popularity_score=(views + 1.0).ln(),
        item_conversion_rate=purchased / ibis.greatest(views, ibis.literal(1.0)),
    )
    return values.select(**{name: values[name].cast(kind) for name, kind in CROSS_FEATURE_SCHEMA.items()})


def context_features(requests: Table) -> Table:
    """Returns is_weekend, hour_of_day, device_mobile, page_type of requests (request_id, as_of_s, device_type, page_type).

    Events carry no local time, so hours and days are those of UTC.
    """
    day = requests.as_of_s // DAY_S
    weekday = (day + 3) % 7  # day 0, 1970-01-01, was a Thursday; Monday is 0
    return requests.select(
        "request_id",
        is_weekend=_flag(weekday >= 5).cast("float32"),
        hour_of_day=((requests.as_of_s // HOUR_S) % 24).cast("float32"),
        device_mobile=_flag(requests.device_type == int(DeviceType.MOBILE)).cast("float32"),
        page_type=requests.page_type.cast("int8"),
    )


def _distinct_codes(history: Table, code: str, name: str) -> Table:
    known = history.filter(history[code] >= 0)
    return known.select(**{"of_request": known.request_id, name: known[code]}).distinct()


def _price_in_range(price: NumericValue, low: NumericValue, high: NumericValue) -> NumericValue:
    nothing = ibis.literal(0.0)
    below = ibis.greatest(nothing, 1.0 - (low - price) / low.nullif(0.0))
    above = ibis.greatest(nothing, 1.0 - (price - high) / high.nullif(0.0))
    return ibis.cases(
        ((low < 0) | low.isnull() | (price < 0), ibis.literal(0.5)),
        (price < low, below.coalesce(0.0)),
        (price > high, above.coalesce(0.0)),
        else_=ibis.literal(1.0),
    )


def _flag(condition: BooleanValue) -> IntegerValue:
    return ibis.ifelse(condition, 1.0, 0.0)
