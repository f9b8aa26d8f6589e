"""Events with their owner."""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from server.features.event_types import EVENT_WEIGHTS
from server.features.identity import SESSION_PREFIX, USER_PREFIX

MICROSECONDS = 1_000_000


def owned_events(events: Table, link_intervals: Table) -> Table:
    """Returns events with owner (identity.storage_key) and time_s.

    An event without a user belongs to the user to whom its session was linked at its time, else to the session.
    events: EVENT_LOG_SCHEMA. link_intervals: LINK_INTERVAL_SCHEMA; of one session they do not overlap.
    """
    links = link_intervals.select(
        linked_session=link_intervals.session_id,
        linked_user=link_intervals.user_id,
        from_us=link_intervals.from_us,
        until_us=link_intervals.until_us,
    )
    joined = events.left_join(
        links,
        [
            events.user_id == "",
            events.session_id == links.linked_session,
            events.event_time_us >= links.from_us,
            events.event_time_us < links.until_us,
        ],
    )
    user = ibis.ifelse(joined.user_id != "", joined.user_id, joined.linked_user.coalesce(""))
    owner = ibis.ifelse(
        user != "", ibis.literal(USER_PREFIX) + user, ibis.literal(SESSION_PREFIX) + joined.session_id
    )
    return joined.select(
        *events.columns,
        owner=owner,
        time_s=(joined.event_time_us // MICROSECONDS).cast("int64"),
    )


def event_weight(event_type: ibis.expr.types.IntegerValue) -> ibis.expr.types.FloatingValue:
    """Returns EVENT_WEIGHTS of a type; 0 for a type that says nothing positive."""
    branches = [(event_type == int(kind), ibis.literal(weight)) for kind, weight in EVENT_WEIGHTS.items()]
    return ibis.cases(*branches, else_=ibis.literal(0.0)).cast("float64")
