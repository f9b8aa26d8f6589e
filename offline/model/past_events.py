"""What was known at a time, as the sources learn from it."""

from __future__ import annotations

import numpy as np

from offline.candidates.interactions import Interactions
from offline.model.training_data import TrainingData


def interactions_before(data: TrainingData, time_s: int) -> Interactions:
    """Returns the history events before a time whose item is known."""
    events = data.history
    users = np.unique(data.history_start)
    owners = (np.searchsorted(users, np.arange(len(events.rows)), "right") - 1).astype(np.int32)
    kept = (events.times_s < time_s) & (events.rows >= 0) & (owners >= 0)
    return Interactions(
        owners[kept],
        events.rows[kept],
        events.times_s[kept],
        events.types[kept],
        np.zeros(np.count_nonzero(kept), np.uint8),
        len(users),
        data.item_count,
    )
