"""A split small enough to be worked by hand, and what is known of its items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from offline.evaluation.protocol import Split, make_split
from server.features.event_types import EventType

TRAIN = (
    ("ann", "lamp-1"),
    ("ann", "lamp-2"),
    ("bob", "lamp-1"),
    ("bob", "mug-1"),
    ("cat", "lamp-1"),
    ("cat", "mug-2"),
    ("cat", "vase"),
)
TEST = (("ann", "mug-1"), ("ann", "vase"), ("bob", "lamp-2"))

ITEMS = pa.table(
    {
        "item_id": ["mug-2", "lamp-1", "lamp-2", "mug-1", "sofa"],
        "title": ["Blue mug", "Tall <lamp>", None, "Red mug", "Sofa"],
        "category": ["mugs", "lamps", "lamps", "mugs", "sofas"],
    }
)


def event_table(pairs: Sequence[tuple[str, str]]) -> pa.Table:
    """Returns purchases a second apart, as event_files.read_events does."""
    return pa.table(
        {
            "user_id": pa.array([user for user, _ in pairs], pa.string()),
            "item_id": pa.array([item for _, item in pairs], pa.string()),
            "event_type": pa.array(np.full(len(pairs), EventType.PURCHASE), pa.uint8()),
            "event_time_s": pa.array(range(len(pairs)), pa.int64()),
        }
    )


def small_split() -> Split:
    """Returns the split: ann and bob are test users; rows are lamp-1, lamp-2, mug-1, mug-2, vase."""
    return make_split(event_table(TRAIN), event_table(TEST))
