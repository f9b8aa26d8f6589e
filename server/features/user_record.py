"""The user record: one packed blob a user, read whole by each request.

Layout, little-endian:

    header    HEADER (one)
    events    RECENT_EVENT[event_count]    oldest first; history events only, at most HISTORY_EVENTS_MAX
    bought    uint64[bought_count]         item keys, in order of first purchase
    hidden    uint64[hidden_count]         item keys that the user asked not to see

Everything derived (counters, preferences, vectors) is computed from these at the request, as of its own
time and against its own release, so the record never goes stale when a release changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

RECORD_MAGIC = 0x524C5331  # "1SLR"
RECORD_VERSION = 1

HEADER = np.dtype(
    [
        ("magic", "<u4"),
        ("version", "<u2"),
        ("event_count", "<u2"),
        ("key_hash", "<u8"),
        ("created_time_s", "<i8"),
        ("updated_time_s", "<i8"),
        ("total_events", "<u4"),
        ("bought_count", "<u4"),
        ("hidden_count", "<u4"),
        ("location_cluster", "<i2"),
        ("age_bucket", "i1"),
        ("gender", "i1"),
    ]
)

RECENT_EVENT = np.dtype(
    [
        ("item_key", "<u8"),
        ("time_s", "<i8"),
        ("event_type", "u1"),
        ("page_type", "u1"),
        ("rating_x20", "u1"),
        ("reserved", "u1"),
        ("dwell_time_s", "<u4"),
    ]
)


@dataclass(slots=True)
class UserRecord:
    """A user's state. Arrays may be read-only views of the stored blob."""

    key_hash: int
    created_time_s: int = 0
    updated_time_s: int = 0
    total_events: int = 0
    age_bucket: int = 0
    gender: int = 0
    location_cluster: int = -1
    events: NDArray[np.void] = field(default_factory=lambda: np.empty(0, RECENT_EVENT))
    bought: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    hidden: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
