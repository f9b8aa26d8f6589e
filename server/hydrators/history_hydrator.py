"""The user's events as rows of this release, with what each item weighs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.features.declarations import HISTORY_EVENTS_MAX
from server.features.event_types import EventType
from server.features.history_weights import event_weight_table, weigh_items
from server.features.user_record import RECENT_EVENT, UserRecord
from server.pipeline.stages import QueryHydrator
from server.query import NO_ROWS, History, RecommendQuery, Rows, SessionColumns

Keys = NDArray[np.uint64]
_NO_KEYS: Keys = np.empty(0, np.uint64)
_NO_EVENTS = np.empty(0, RECENT_EVENT)


_WEIGHTS = event_weight_table()


class HistoryHydrator(QueryHydrator[RecommendQuery, History]):
    """Merges the record's events, the request's own and its context items into one history.

    half_life_days: how much older than the newest an event is that weighs half.
    """

    produces = "history"

    def __init__(self, half_life_days: float) -> None:
        self._half_life_days = half_life_days

    def hydrate(self, query: RecommendQuery) -> History:
        """Returns the history of at most HISTORY_EVENTS_MAX events."""
        keys, times_s, types = self._own_events(query)
        returning = len(keys) > 0
        rows = query.release.rows_of_keys(keys) if returning else NO_ROWS
        if len(query.context_rows):
            # Looking at an item is an event that no one has written yet: it counts as the newest.
            shown = len(query.context_rows)
            rows = np.concatenate((rows, query.context_rows))
            times_s = np.concatenate((times_s, np.full(shown, query.now_s)))
            types = np.concatenate((types, np.full(shown, query.context_event_type, np.uint8)))
        latest = slice(-HISTORY_EVENTS_MAX, None)
        rows, times_s, types = rows[latest], times_s[latest], types[latest]
        item_rows, item_weights = weigh_items(rows, times_s, types, self._half_life_days)
        return History(
            rows,
            times_s,
            types,
            item_rows,
            item_weights,
            _sorted_rows(query, _keys_of(query.record, query.session, "bought", EventType.PURCHASE)),
            _sorted_rows(query, _keys_of(query.record, query.session, "hidden", EventType.HIDE)),
            returning,
        )

    @staticmethod
    def _own_events(query: RecommendQuery) -> tuple[Keys, NDArray[np.int64], NDArray[np.uint8]]:
        """Returns keys, times and types of the history events, oldest first, none later than now."""
        session, record = query.session, query.record
        if not query.own_history:
            return _NO_KEYS, np.empty(0, np.int64), np.empty(0, np.uint8)
        events = _NO_EVENTS if record is None else record.events
        keys, times_s, types = events["item_key"], events["time_s"], events["event_type"]
        if len(session.types):
            taste = _WEIGHTS[session.types] > 0
            keys = np.concatenate((keys, session.item_keys[taste]))
            times_s = np.concatenate((times_s, session.times_s[taste]))
            types = np.concatenate((types, session.types[taste]))
            order = np.argsort(np.minimum(times_s, query.now_s), kind="stable")
            keys, times_s, types = keys[order], times_s[order], types[order]
        return np.ascontiguousarray(keys), np.minimum(times_s, query.now_s), np.ascontiguousarray(types)


def _keys_of(record: UserRecord | None, session: SessionColumns, field: str, event_type: EventType) -> Keys:
    """Returns the record's keys of a kind and those of the session's events of the type."""
    now = session.item_keys[session.types == event_type] if len(session.types) else _NO_KEYS
    stored: Keys = _NO_KEYS if record is None else getattr(record, field)
    return np.concatenate((stored, now)) if len(now) else stored


def _sorted_rows(query: RecommendQuery, keys: Keys) -> Rows:
    if not len(keys):
        return NO_ROWS
    rows = query.release.rows_of_keys(keys)
    rows.sort()
    # Of the rows that no item has, -1 comes more than once; the session's events may repeat the record's.
    known = rows[rows.searchsorted(0) :]
    return np.unique(known) if len(query.session.types) else known
