"""Random events and items for tests of the offline features: few users, many ties in time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from server.features.event_types import DeviceType, EventType, PageType
from server.stores.event_log import EVENT_LOG_SCHEMA

START_S = 1_300_000_000
DAY_S = 86_400


def random_events(
    seed: int, count: int, *, users: int = 6, items: int = 12, days: int = 60, first_id: int = 0
) -> pa.Table:
    """Returns EVENT_LOG_SCHEMA rows in random order; half of the sessions' events name no user."""
    rng = np.random.default_rng(seed)
    # Minutes, so that several events of a user share a second and the ties matter.
    times_s = START_S + rng.integers(0, days * 1440, count) // 7 * 7 * 60
    anonymous = rng.random(count) < 0.25
    session = rng.integers(0, users, count)
    types = rng.choice([int(t) for t in EventType], count)
    columns = {
        "event_id": [f"e{first_id + n:06d}" for n in rng.permutation(count)],
        "user_id": [
            "" if a else f"u{u}" for a, u in zip(anonymous, rng.integers(0, users, count), strict=True)
        ],
        "session_id": [f"s{s}" if a else "" for a, s in zip(anonymous, session, strict=True)],
        "item_id": [f"i{i}" for i in rng.integers(0, items + 2, count)],
        "event_type": types,
        "event_time_us": times_s * 1_000_000 + rng.integers(0, 2, count) * 500_000,
        "device_type": rng.choice([int(d) for d in DeviceType], count),
        "platform": [""] * count,
        "page_type": rng.choice([int(p) for p in PageType], count),
        "rating": np.where(types == EventType.RATING, rng.integers(0, 11, count) / 2, -1.0),
        "dwell_time_ms": rng.integers(-1, 9_000, count),
        "position": rng.integers(-1, 20, count),
        "recommendation_id": [""] * count,
        "experiment_id": [""] * count,
        "quantity": np.ones(count),
        "price": rng.integers(1, 900, count) / 100,
    }
    arrays = [pa.array(columns[field.name], field.type) for field in EVENT_LOG_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=EVENT_LOG_SCHEMA)


def random_items(seed: int, items: int = 12) -> pa.Table:
    """Returns histories.ITEM_COLUMNS: some without a category, a brand or a price; fewer than the events name."""
    rng = np.random.default_rng(seed)
    prices = np.where(rng.random(items) < 0.2, -1, rng.integers(1, 2_000, items) / 100)
    return pa.table(
        {
            "item_id": [f"i{i}" for i in range(items)],
            "item_row": pa.array(range(items), pa.int32()),
            "category": pa.array(rng.integers(-1, 5, items), pa.int32()),
            "brand": pa.array(rng.integers(-1, 4, items), pa.int32()),
            "price": prices.astype(np.float32).astype(np.float64),
        }
    )


def links() -> pa.Table:
    """Returns LINK_INTERVAL_SCHEMA: s0 belongs to u1 throughout; s1 to u2 and, from the 30th day on, to u3."""
    forever, middle = np.iinfo(np.int64).max, (START_S + 30 * DAY_S) * 1_000_000
    return pa.table(
        {
            "session_id": ["s0", "s1", "s1"],
            "user_id": ["u1", "u2", "u3"],
            "from_us": pa.array([0, 0, middle], pa.int64()),
            "until_us": pa.array([forever, middle, forever], pa.int64()),
        }
    )


def owner_of(row: dict[str, object]) -> str:
    """Returns the owner of an event under links(), written out by hand."""
    if row["user_id"]:
        return f"u:{row['user_id']}"
    if row["session_id"] == "s0":
        return "u:u1"
    if row["session_id"] == "s1":
        return "u:u2" if int(str(row["event_time_us"])) < (START_S + 30 * DAY_S) * 1_000_000 else "u:u3"
    return f"s:{row['session_id']}"
