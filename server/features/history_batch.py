"""Many users' histories as columns: what the offline side materialises and a store merges into its records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class HistoryBatch:
    """n users' histories. Ragged columns are flat with offsets int64[n+1], the first of which is 0.

    keys: storage keys (identity.storage_key), ascending and unique.
    events: user_record.RECENT_EVENT by user, oldest first, at most HISTORY_EVENTS_MAX each.
    bought, hidden: item keys by user, in order of first purchase (first hide).
    total_events: all of the user's events in the log, of any type.
    created_time_s, updated_time_s: times of the user's first and last event; 0 without events.
    age_bucket, gender, location_cluster: the profile, in the encoding of UserRecord; 0, 0, -1 where unknown.
    """

    keys: tuple[str, ...]
    event_offsets: NDArray[np.int64]
    events: NDArray[np.void]
    bought_offsets: NDArray[np.int64]
    bought: NDArray[np.uint64]
    hidden_offsets: NDArray[np.int64]
    hidden: NDArray[np.uint64]
    total_events: NDArray[np.uint32]
    created_time_s: NDArray[np.int64]
    updated_time_s: NDArray[np.int64]
    age_bucket: NDArray[np.int8]
    gender: NDArray[np.int8]
    location_cluster: NDArray[np.int16]

    def __len__(self) -> int:
        """Returns n."""
        return len(self.keys)

    def events_of(self, index: int) -> NDArray[np.void]:
        """Returns the events of the user at a place in keys."""
        return self.events[self.event_offsets[index] : self.event_offsets[index + 1]]

    def bought_by(self, index: int) -> NDArray[np.uint64]:
        """Returns the bought item keys of the user at a place in keys."""
        return self.bought[self.bought_offsets[index] : self.bought_offsets[index + 1]]

    def hidden_by(self, index: int) -> NDArray[np.uint64]:
        """Returns the hidden item keys of the user at a place in keys."""
        return self.hidden[self.hidden_offsets[index] : self.hidden_offsets[index + 1]]
