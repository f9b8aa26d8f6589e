"""Each owner's history, numbered; and what of it lies before a request.

The latest events before a time are found without comparing every request to every event: a running count tells
how many of the owner's events lie before the request, and then the wanted ones are known by their numbers.
"""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from offline.features.owners import event_weight
from server.features.declarations import HISTORY_EVENTS_MAX
from server.features.event_types import HISTORY_EVENT_TYPES

ITEM_COLUMNS = ("item_id", "item_row", "category", "brand", "price")


def numbered_history(owned_events: Table, items: Table) -> Table:
    """Returns history events with item_row, category, brand, price and number: 0, 1, ... for each owner by time.

    Events of one time are in the order of their ids. items: ITEM_COLUMNS, category and brand as codes. An item
    that is not among them has -1 everywhere.
    """
    history = owned_events.filter(owned_events.event_type.isin(sorted(int(t) for t in HISTORY_EVENT_TYPES)))
    # Events have a price of their own, what was paid; the features want that of the catalogue.
    known = items.select(**{f"known_{name}": items[name] for name in ITEM_COLUMNS})
    joined = history.left_join(known, history.item_id == known.known_item_id)
    order = ibis.window(group_by="owner", order_by=[joined.event_time_us, joined.event_id])
    numbered = joined.select(
        owner=joined.owner,
        number=ibis.row_number().over(order).cast("int64"),
        time_s=joined.time_s,
        event_type=joined.event_type,
        page_type=joined.page_type,
        device_type=joined.device_type,
        rating=joined.rating,
        dwell_time_ms=joined.dwell_time_ms,
        position=joined.position,
        item_id=joined.item_id,
        item_row=joined.known_item_row.coalesce(-1).cast("int32"),
        category=joined.known_category.coalesce(-1).cast("int32"),
        brand=joined.known_brand.coalesce(-1).cast("int32"),
        price=joined.known_price.coalesce(-1.0).cast("float64"),
        weight=event_weight(joined.event_type),
    )
    return numbered.mutate(bucket=(numbered.number // HISTORY_EVENTS_MAX).cast("int64"))


def count_history(requests: Table, numbered: Table) -> Table:
    """Returns requests (request_id, owner, as_of_s) with history_count: events of theirs with time_s < as_of_s."""
    events = numbered.select(
        owner=numbered.owner,
        at_s=numbered.time_s,
        is_event=ibis.literal(1).cast("int64"),
        request_id=ibis.literal(-1).cast("int64"),
    )
    asked = requests.select(
        owner=requests.owner,
        at_s=requests.as_of_s.cast("int64"),
        is_event=ibis.literal(0).cast("int64"),
        request_id=requests.request_id.cast("int64"),
    )
    both = events.union(asked)
    # At equal times a request (0) stands before the events (1), so that they are not counted.
    so_far = ibis.window(group_by="owner", order_by=["at_s", "is_event", "request_id"], rows=(None, 0))
    counted = both.mutate(history_count=both.is_event.sum().over(so_far).cast("int64"))
    counted = counted.filter(counted.is_event == 0)
    return counted.select("request_id", "owner", "history_count", as_of_s=counted.at_s)


def history_before(counted_requests: Table, numbered: Table) -> Table:
    """Returns the latest HISTORY_EVENTS_MAX history events before each request, with request_id and as_of_s."""
    asked = counted_requests.filter(counted_requests.history_count > 0)
    first = ibis.greatest(asked.history_count - HISTORY_EVENTS_MAX, 0)
    asked = asked.mutate(
        first_number=first.cast("int64"),
        last_bucket=((asked.history_count - 1) // HISTORY_EVENTS_MAX).cast("int64"),
        first_bucket=(first // HISTORY_EVENTS_MAX).cast("int64"),
    )
    columns = ["request_id", "as_of_s", "first_number", "history_count"]
    latest = asked.select(*columns, asked_owner=asked.owner, asked_bucket=asked.last_bucket)
    two = asked.filter(asked.first_bucket < asked.last_bucket)
    earlier = two.select(*columns, asked_owner=two.owner, asked_bucket=two.first_bucket)
    spans = latest.union(earlier)
    joined = spans.join(
        numbered, [spans.asked_owner == numbered.owner, spans.asked_bucket == numbered.bucket]
    )
    within = joined.filter((joined.number >= joined.first_number) & (joined.number < joined.history_count))
    return within.drop("asked_owner", "asked_bucket", "first_number", "history_count", "bucket")
