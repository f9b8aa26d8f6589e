"""Three real customers for the demo, found in the event log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from server.stores.event_log import EventLog

DEMO_EVENT_PREFIX = "demo-"

_DAY_US = 86_400_000_000
_ITEMS_MIN, _ITEMS_MAX = 20, 80
_ACTIVE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Customer:
    """A user of the log. recent_item_ids: newest first, each once."""

    user_id: str
    items: int
    recent_item_ids: Sequence[str]


def pick_customers(events_dir: Path, count: int) -> list[Customer]:
    """Returns customers who bought lately and neither little nor in bulk, spread over the ids; always the same."""
    log = EventLog(events_dir).read().select(["event_id", "user_id", "item_id", "event_time_us"])
    # What earlier runs of the demo wrote is of today, and must not change whom it shows.
    events = log.filter(pc.invert(pc.starts_with(log["event_id"], pattern=DEMO_EVENT_PREFIX)))
    users = events.group_by("user_id").aggregate([("item_id", "count_distinct"), ("event_time_us", "max")])
    newest_us = pc.max(events["event_time_us"]).as_py()
    wanted = (
        (pc.field("item_id_count_distinct") >= _ITEMS_MIN)
        & (pc.field("item_id_count_distinct") <= _ITEMS_MAX)
        & (pc.field("event_time_us_max") >= newest_us - _ACTIVE_DAYS * _DAY_US)
        & (pc.field("user_id") != "")
    )
    found = users.filter(wanted).sort_by("user_id").to_pylist()
    step = max(1, len(found) // (count + 1))
    return [
        Customer(
            user_id=row["user_id"],
            items=row["item_id_count_distinct"],
            recent_item_ids=_recent(events.filter(pc.field("user_id") == row["user_id"])),
        )
        for row in found[step::step][:count]
    ]


def _recent(events: pa.Table) -> list[str]:
    newest_first = events.sort_by([("event_time_us", "descending"), ("item_id", "ascending")])
    return list(dict.fromkeys(newest_first["item_id"].to_pylist()))
