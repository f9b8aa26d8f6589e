"""From the event log to user records: each owner's latest history, what was bought and what was hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import ibis
import numpy as np
import pyarrow as pa
from ibis.expr.types import Table
from numpy.typing import NDArray

from offline.engine import Engine
from server.features.declarations import HISTORY_EVENTS_MAX
from server.features.event_types import EventType
from server.features.history_batch import HistoryBatch
from server.features.identity import item_key
from server.features.record_codec import DWELL_TIME_S_MAX, NO_RATING_X20
from server.features.user_record import RECENT_EVENT

BATCH_OWNERS = 20_000


def owner_totals(owned_events: Table, profiles: Table) -> Table:
    """Returns a row for each owner with events or a profile: ordinal (by owner), totals, first and last time, profile.

    profiles: owner, age_bucket, gender, location_cluster.
    """
    active = owned_events.group_by("owner").aggregate(
        total_events=owned_events.count(),
        created_time_s=owned_events.time_s.min(),
        updated_time_s=owned_events.time_s.max(),
    )
    owners = active.select("owner").union(profiles.select("owner"), distinct=True)
    totals = active.rename(active_owner="owner")
    known = profiles.rename(profile_owner="owner")
    joined = owners.left_join(totals, owners.owner == totals.active_owner)
    joined = joined.left_join(known, joined.owner == known.profile_owner)
    return joined.select(
        "owner",
        ordinal=ibis.row_number().over(ibis.window(order_by=joined.owner)).cast("int64"),
        total_events=joined.total_events.coalesce(0).cast("int64"),
        created_time_s=joined.created_time_s.coalesce(0).cast("int64"),
        updated_time_s=joined.updated_time_s.coalesce(0).cast("int64"),
        age_bucket=joined.age_bucket.coalesce(0).cast("int8"),
        gender=joined.gender.coalesce(0).cast("int8"),
        location_cluster=joined.location_cluster.coalesce(-1).cast("int16"),
    )


def latest_history(numbered: Table) -> Table:
    """Returns the last HISTORY_EVENTS_MAX events of each owner. numbered: histories.numbered_history."""
    lengths = numbered.group_by("owner").aggregate(length=numbered.count()).rename(counted_owner="owner")
    joined = numbered.join(lengths, numbered.owner == lengths.counted_owner)
    latest = joined.filter(joined.number >= joined.length - HISTORY_EVENTS_MAX)
    columns = ("number", "item_id", "time_s", "event_type", "page_type", "rating", "dwell_time_ms")
    return latest.select("owner", *columns)


def first_times(owned_events: Table, kind: EventType) -> Table:
    """Returns (owner, item_id, time_us): when each owner first did something with each item."""
    events = owned_events.filter(owned_events.event_type == int(kind))
    return events.group_by(["owner", "item_id"]).aggregate(time_us=events.event_time_us.min())


def history_batches(
    engine: Engine, owned_events: Table, numbered: Table, profiles: Table, advance: Callable[[int, int], None]
) -> Iterator[HistoryBatch]:
    """Yields all owners' histories, BATCH_OWNERS at a time, by storage key.

    owned_events, numbered: kept tables. advance: takes (owners done, all owners).
    """
    totals = engine.keep(owner_totals(owned_events, profiles))
    latest = engine.keep(latest_history(numbered))
    bought = engine.keep(first_times(owned_events, EventType.PURCHASE))
    hidden = engine.keep(first_times(owned_events, EventType.HIDE))
    count = engine.row_count(totals)
    for first in range(0, count, BATCH_OWNERS):
        owners = totals.filter((totals.ordinal >= first) & (totals.ordinal < first + BATCH_OWNERS))
        yield _batch(
            engine.to_arrow(owners.order_by("ordinal")),
            first,
            engine.to_arrow(_of(latest, owners, "number")),
            engine.to_arrow(_of(bought, owners, "time_us")),
            engine.to_arrow(_of(hidden, owners, "time_us")),
        )
        advance(min(first + BATCH_OWNERS, count), count)
    for table in (totals, latest, bought, hidden):
        engine.drop(table)


def _of(rows: Table, owners: Table, order: str) -> Table:
    """Returns the rows of some owners with their ordinal, by owner and order, ties by item."""
    named = owners.select("ordinal", of_owner=owners.owner)
    joined = rows.join(named, rows.owner == named.of_owner).drop("of_owner", "owner")
    return joined.order_by(["ordinal", order, "item_id"])


def _batch(
    owners: pa.Table, first: int, history: pa.Table, bought: pa.Table, hidden: pa.Table
) -> HistoryBatch:
    return HistoryBatch(
        keys=tuple(owners.column("owner").to_pylist()),
        event_offsets=_offsets(history, first, owners.num_rows),
        events=_recent_events(history),
        bought_offsets=_offsets(bought, first, owners.num_rows),
        bought=_item_keys(bought),
        hidden_offsets=_offsets(hidden, first, owners.num_rows),
        hidden=_item_keys(hidden),
        total_events=np.minimum(owners.column("total_events").to_numpy(), 2**32 - 1).astype(np.uint32),
        created_time_s=owners.column("created_time_s").to_numpy(),
        updated_time_s=owners.column("updated_time_s").to_numpy(),
        age_bucket=owners.column("age_bucket").to_numpy(),
        gender=owners.column("gender").to_numpy(),
        location_cluster=owners.column("location_cluster").to_numpy(),
    )


def _offsets(rows: pa.Table, first: int, owners: int) -> NDArray[np.int64]:
    counts = np.bincount(rows.column("ordinal").to_numpy() - first, minlength=owners)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _recent_events(history: pa.Table) -> NDArray[np.void]:
    """Returns RECENT_EVENT, as record_codec.history_event makes one from an event."""
    events = np.zeros(history.num_rows, RECENT_EVENT)
    rating = history.column("rating").to_numpy()
    dwell_s = np.maximum(history.column("dwell_time_ms").to_numpy(), 0) // 1000
    events["item_key"] = _item_keys(history)
    events["time_s"] = history.column("time_s").to_numpy()
    events["event_type"] = history.column("event_type").to_numpy()
    events["page_type"] = history.column("page_type").to_numpy()
    events["rating_x20"] = np.where(rating < 0, NO_RATING_X20, np.rint(np.maximum(rating, 0) * 20))
    events["dwell_time_s"] = np.minimum(dwell_s, DWELL_TIME_S_MAX)
    return events


def _item_keys(rows: pa.Table) -> NDArray[np.uint64]:
    encoded = rows.column("item_id").combine_chunks().dictionary_encode()
    ids = encoded.dictionary.to_pylist()
    keys = np.fromiter((item_key(i) for i in ids), np.uint64, len(ids))
    found: NDArray[np.uint64] = keys[encoded.indices.to_numpy()]
    return found
