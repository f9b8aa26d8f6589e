"""Which requests a model is trained on, what they led to, and where their histories lie."""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from offline.features.items import DAY_S


def moments(numbered: Table) -> Table:
    """Returns (owner, as_of_s, device_type, page_type): each second in which a user did something with a known item."""
    known = numbered.filter(numbered.item_row >= 0)
    return known.group_by(["owner", "time_s"]).aggregate(
        device_type=known.device_type.max(), page_type=known.page_type.max()
    )


def sampled_requests(moments: Table, requests_max: int) -> Table:
    """Returns requests numbered by owner and time: at most requests_max moments, those with the lowest hashes."""
    text = moments.owner + ibis.literal("@") + moments.time_s.cast("string")
    hashed = moments.mutate(hash=text.hexdigest("md5"))
    taken = hashed.order_by([hashed.hash, hashed.owner, hashed.time_s]).limit(requests_max)
    order = ibis.window(order_by=[taken.owner, taken.time_s])
    return taken.select(
        request_id=ibis.row_number().over(order).cast("int64"),
        owner=taken.owner,
        as_of_s=taken.time_s,
        device_type=taken.device_type,
        page_type=taken.page_type,
    )


def owner_starts(numbered: Table, requests: Table) -> Table:
    """Returns (history_owner, history_start): where each requesting owner's history begins when all are laid out by owner."""
    asking = requests.select(history_owner=requests.owner).distinct()
    lengths = numbered.group_by("owner").aggregate(length=numbered.count())
    lengths = lengths.join(asking, lengths.owner == asking.history_owner)
    before = ibis.window(order_by="history_owner", rows=(None, 0))
    running = lengths.mutate(stop=lengths.length.sum().over(before))
    return running.select("history_owner", history_start=(running.stop - running.length).cast("int64"))


def laid_out_history(numbered: Table, starts: Table) -> Table:
    """Returns HISTORY_FILE's rows."""
    joined = numbered.join(starts, numbered.owner == starts.history_owner)
    ordered = joined.order_by([joined.owner, joined.number])
    return ordered.select(
        item_row=ordered.item_row.cast("int32"),
        time_s=ordered.time_s.cast("int64"),
        event_type=ordered.event_type.cast("int8"),
    )


def examples_of(requests: Table, numbered: Table) -> Table:
    """Returns (pair_id, request_id, item_row, category, brand, price, weight, position, as_of_s), by request and item.

    as_of_s: the start of the request's UTC day, as of which the item's features are read.
    """
    known = numbered.filter(numbered.item_row >= 0)
    asked = requests.select("request_id", "as_of_s", asked_owner=requests.owner)
    joined = known.join(asked, [known.owner == asked.asked_owner, known.time_s == asked.as_of_s])
    shown = ibis.ifelse(joined.position >= 0, joined.position, None)
    grouped = joined.group_by(["request_id", "item_row", "category", "brand", "price"]).aggregate(
        weight=joined.weight.max().cast("float32"),
        position=shown.min().coalesce(-1).cast("int32"),
        as_of_s=((joined.as_of_s // DAY_S) * DAY_S).max().cast("int64"),
    )
    order = ibis.window(order_by=[grouped.request_id, grouped.item_row])
    return grouped.mutate(pair_id=ibis.row_number().over(order).cast("int64"))
