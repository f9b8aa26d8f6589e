"""Small interactions from tuples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offline.candidates.interactions import Interactions
from server.features.event_types import EventType, PageType


def interactions(
    events: Sequence[tuple[int, ...]], *, users: int | None = None, items: int | None = None
) -> Interactions:
    """Returns events given as (user, item row[, time_s[, event type[, page type]]])."""
    defaults = (0, 0, 0, EventType.PURCHASE, PageType.UNSPECIFIED)
    rows = [tuple(e) + defaults[len(e) :] for e in events]
    table = np.array(rows, np.int64).reshape(-1, 5)
    return Interactions(
        table[:, 0].astype(np.int32),
        table[:, 1].astype(np.int32),
        table[:, 2],
        table[:, 3].astype(np.uint8),
        table[:, 4].astype(np.uint8),
        int(table[:, 0].max(initial=-1)) + 1 if users is None else users,
        int(table[:, 1].max(initial=-1)) + 1 if items is None else items,
    )
