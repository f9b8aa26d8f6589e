"""What each item of a history weighs for the collaborative source: one definition for serving and training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import ext as kernels
from server.features.event_types import EVENT_WEIGHTS

Floats = NDArray[np.float32]
Rows = NDArray[np.int32]

SECONDS_PER_DAY = 86_400.0


def event_weight_table() -> Floats:
    """Returns the weight of each event type by its number, float32[16]; 0 for types that say nothing of taste."""
    table = np.zeros(16, np.float32)
    for event_type, weight in EVENT_WEIGHTS.items():
        table[event_type] = weight
    return table


_EVENT_WEIGHTS = event_weight_table()


def weigh_items(
    rows: Rows, times_s: NDArray[np.int64], types: NDArray[np.uint8], half_life_days: float
) -> tuple[Rows, Floats]:
    """Returns a history's distinct items, ascending, and their weights: that of the item's strongest event.

    rows: int32[h], -1 = unknown, left out. An event weighs what its type does, halved for each half-life that it is
    older than the newest event: only proportions matter, and those of a user who was away for years would otherwise
    vanish in float32. The strongest event and not the sum, because a habit repeated is not a taste twice as strong.
    """
    return kernels.weigh_items(rows, times_s, types, _EVENT_WEIGHTS, half_life_days)
