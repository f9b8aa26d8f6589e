"""The test users as a server would know them at the end of train."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from offline.candidates.interactions import Interactions
from server.errors import Refused
from server.features.declarations import HISTORY_EVENTS_MAX
from server.features.event_types import EventType, PageType
from server.features.identity import item_key, storage_key, storage_key_hash
from server.features.record_codec import NO_RATING_X20
from server.features.user_record import RECENT_EVENT, UserRecord


class TrainUsers:
    """User records made of train events when they are asked for; a user store that cannot be written.

    user_ids, item_ids: by the events' codes and rows.
    """

    def __init__(self, events: Interactions, user_ids: Sequence[str], item_ids: Sequence[str]) -> None:
        order = np.lexsort((events.times_s, events.users))
        self._events = events.take(order)
        self._offsets = np.searchsorted(self._events.users, np.arange(events.user_count + 1))
        self._codes = {storage_key(user_id, ""): code for code, user_id in enumerate(user_ids)}
        self._item_keys: NDArray[np.uint64] = np.array([item_key(item_id) for item_id in item_ids], np.uint64)

    def read(self, key: str) -> UserRecord | None:
        """Returns the record of a train user."""
        code = self._codes.get(key)
        if code is None:
            return None
        inside = slice(self._offsets[code], self._offsets[code + 1])
        times_s, types = self._events.times_s[inside], self._events.types[inside]
        keys = self._item_keys[self._events.item_rows[inside]]
        history = np.zeros(len(keys), RECENT_EVENT)
        history["item_key"], history["time_s"], history["event_type"] = keys, times_s, types
        history["page_type"], history["rating_x20"] = PageType.UNSPECIFIED, NO_RATING_X20
        _, first = np.unique(keys[types == EventType.PURCHASE], return_index=True)
        return UserRecord(
            key_hash=storage_key_hash(key),
            created_time_s=int(times_s[0]),
            updated_time_s=int(times_s[-1]),
            total_events=len(keys),
            events=history[-HISTORY_EVENTS_MAX:],
            bought=keys[types == EventType.PURCHASE][np.sort(first)],
        )

    def write_profile(self, user_id: str, age_bucket: int, gender: int, location_cluster: int) -> None:
        """Raises Refused."""
        raise Refused("the users of an evaluation stay as they are")

    def delete(self, user_id: str) -> bool:
        """Raises Refused."""
        raise Refused("the users of an evaluation stay as they are")
