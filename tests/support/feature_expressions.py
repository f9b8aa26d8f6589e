"""Every expression of the offline features over tables of fixed names, for tests that run or read them."""

from __future__ import annotations

from collections.abc import Callable

import ibis
from ibis.expr.types import Table

from offline.features.cross import context_features, cross_features
from offline.features.histories import count_history, history_before, numbered_history
from offline.features.item_windows import windowed_events
from offline.features.items import item_events, item_features
from offline.features.owners import owned_events
from offline.features.training_requests import (
    examples_of,
    laid_out_history,
    moments,
    owner_starts,
    sampled_requests,
)
from offline.features.users import user_features
from offline.materialize import first_times, latest_history, owner_totals
from server.features.event_types import EventType
from server.stores.event_log import EVENT_LOG_SCHEMA
from server.stores.event_log_owners import LINK_INTERVAL_SCHEMA

REQUESTS_MAX = 200

EVENTS = ibis.table(ibis.Schema.from_pyarrow(EVENT_LOG_SCHEMA), name="events")
LINKS = ibis.table(ibis.Schema.from_pyarrow(LINK_INTERVAL_SCHEMA), name="links")
ITEMS = ibis.table(
    {"item_id": "string", "item_row": "int32", "category": "int32", "brand": "int32", "price": "float64"},
    name="items",
)
PROFILES = ibis.table(
    {"owner": "string", "age_bucket": "int8", "gender": "int8", "location_cluster": "int16"}, name="profiles"
)


def _kept(expression: Table, name: str) -> Table:
    """Returns a table of the same columns, as Engine.keep does."""
    return ibis.table(expression.schema(), name=name)


OWNED = _kept(owned_events(EVENTS, LINKS), "owned")
NUMBERED = _kept(numbered_history(OWNED, ITEMS), "numbered")
ITEM_EVENTS = _kept(item_events(OWNED, ITEMS), "item_events")
REQUESTS = _kept(sampled_requests(moments(NUMBERED), REQUESTS_MAX), "requests")
COUNTED = _kept(count_history(REQUESTS, NUMBERED), "counted")
HISTORY = _kept(history_before(COUNTED, NUMBERED), "history")
USERS = _kept(user_features(COUNTED, HISTORY), "users")
STARTS = _kept(owner_starts(NUMBERED, REQUESTS), "starts")
PAIRS = _kept(examples_of(REQUESTS, NUMBERED), "pairs")
VALUES = _kept(item_features(PAIRS, ITEM_EVENTS), "item_values")

EXPRESSIONS: dict[str, Callable[[], Table]] = {
    "owned_events": lambda: owned_events(EVENTS, LINKS),
    "numbered_history": lambda: numbered_history(OWNED, ITEMS),
    "item_events": lambda: item_events(OWNED, ITEMS),
    "sampled_requests": lambda: sampled_requests(moments(NUMBERED), REQUESTS_MAX),
    "count_history": lambda: count_history(REQUESTS, NUMBERED),
    "history_before": lambda: history_before(COUNTED, NUMBERED),
    "user_features": lambda: user_features(COUNTED, HISTORY),
    "owner_starts": lambda: owner_starts(NUMBERED, REQUESTS),
    "laid_out_history": lambda: laid_out_history(NUMBERED, STARTS),
    "examples_of": lambda: examples_of(REQUESTS, NUMBERED),
    "item_features": lambda: item_features(PAIRS, ITEM_EVENTS),
    "windowed_events": lambda: windowed_events(ITEM_EVENTS),
    "cross_features": lambda: cross_features(PAIRS.join(VALUES, "pair_id"), HISTORY, USERS),
    "context_features": lambda: context_features(REQUESTS),
    "owner_totals": lambda: owner_totals(OWNED, PROFILES),
    "latest_history": lambda: latest_history(NUMBERED),
    "first_times": lambda: first_times(OWNED, EventType.PURCHASE),
}

KEPT: dict[str, str] = {
    "owned_events": "owned",
    "numbered_history": "numbered",
    "item_events": "item_events",
    "sampled_requests": "requests",
    "count_history": "counted",
    "history_before": "history",
    "user_features": "users",
    "owner_starts": "starts",
    "examples_of": "pairs",
    "item_features": "item_values",
}
"""Expressions whose rows later ones read, in the order of computation, and the names that they read them under."""
