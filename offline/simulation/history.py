"""Writes a simulated store's past as files of the import formats, a chunk at a time.

    store.json         what the store was made with; `simulate` makes the same one from it
    items.parquet      item_id title category brand price in_stock added_time
    users.parquet      user_id age gender location_cluster
    events.parquet     events by time within a day

Memory holds a chunk of items or sessions, whatever their number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offline.simulation.browsing import SECONDS_PER_DAY, Actions, Sessions, browse, draw_sessions
from offline.simulation.draws import Doubles, Indexes, uniforms
from offline.simulation.legacy_lists import shown_lists
from offline.simulation.parameters import load_parameters
from offline.simulation.store import SimulatedStore, StoreShape
from server.errors import FieldViolation, InvalidRequest
from server.features.event_types import EventType, PageType

STORE_FILE = "store.json"
CHUNK_ITEMS = 250_000
CHUNK_SESSIONS = 50_000
AGES = (18, 75)
_AGE, _GENDER, _LOCATION = 70, 71, 72
GENDERS = ("female", "male")
LOCATIONS = 8

_STYLE_WORDS = (("bold", "plain"), ("round", "square"), ("bright", "dark"), ("classic", "modern"))

ITEM_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("price", pa.float64()),
        ("in_stock", pa.bool_()),
        ("added_time", pa.timestamp("us", "UTC")),
    ]
)
USER_SCHEMA = pa.schema(
    [("user_id", pa.string()), ("age", pa.int64()), ("gender", pa.string()), ("location_cluster", pa.int64())]
)
EVENT_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("session_id", pa.string()),
        ("item_id", pa.string()),
        ("event_type", pa.string()),
        ("event_time", pa.timestamp("us", "UTC")),
        ("price", pa.float64()),
        ("rating", pa.float64()),
        ("position", pa.int64()),
        ("page_type", pa.string()),
        ("recommendation_id", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """shape: of the store. sessions: visits in all. end_s: epoch second at which the history ends."""

    shape: StoreShape
    sessions: int
    end_s: int

    @property
    def start_s(self) -> int:
        """Epoch second at which day 0 begins."""
        return self.end_s - self.shape.days * SECONDS_PER_DAY


def write_history(folder: Path, plan: HistoryPlan, advance: Callable[[str, int], None]) -> dict[str, int]:
    """Writes all files; returns how many items and events there are.

    advance: told of the file and how many more of its items, users or sessions are done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store = SimulatedStore(plan.shape, load_parameters())
    written = {"items": 0, "events": 0}
    with pq.ParquetWriter(folder / "items.parquet", ITEM_SCHEMA) as items:
        for chunk in _chunks(plan.shape.items, CHUNK_ITEMS):
            table = item_table(store, chunk, plan.start_s)
            items.write_table(table)
            written["items"] += table.num_rows
            advance("items", chunk.size)
    with pq.ParquetWriter(folder / "users.parquet", USER_SCHEMA) as users:
        for chunk in _chunks(plan.shape.users, CHUNK_ITEMS):
            users.write_table(user_table(store, chunk))
            advance("users", chunk.size)
    with pq.ParquetWriter(folder / "events.parquet", EVENT_SCHEMA) as events:
        for table, sessions in _events(store, plan):
            events.write_table(table)
            written["events"] += table.num_rows
            advance("sessions", sessions)
    (folder / STORE_FILE).write_text(json.dumps(asdict(plan), indent=2) + "\n", encoding="utf-8")
    return written


def read_plan(folder: Path) -> HistoryPlan:
    """Returns what a folder's store was made with. Raises InvalidRequest where there is none."""
    path = folder / STORE_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return HistoryPlan(StoreShape(**values["shape"]), int(values["sessions"]), int(values["end_s"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise InvalidRequest(
            [FieldViolation(str(path), "NO_STORE", "is no store of `shortlist generate`")]
        ) from None


def item_table(store: SimulatedStore, indexes: Indexes, start_s: int) -> pa.Table:
    """Returns the items that are there by the end of the history, as ITEM_SCHEMA."""
    columns = store.items(indexes)
    there = columns.added_day <= store.shape.days
    titles = item_titles(store, indexes)
    return pa.table(
        [
            [item_id(index) for index in indexes[there]],
            [title for title, kept in zip(titles, there, strict=True) if kept],
            [category_name(code) for code in columns.category[there]],
            [brand_name(code) for code in columns.brand[there]],
            np.round(np.exp(columns.log_price[there]), 2),
            np.ones(int(there.sum()), np.bool_),
            _timestamps(start_s, columns.added_day[there] * SECONDS_PER_DAY),
        ],
        schema=ITEM_SCHEMA,
    )


def user_table(store: SimulatedStore, indexes: Indexes) -> pa.Table:
    """Returns users as USER_SCHEMA. Who they are says nothing of their tastes: a fair store has such columns too."""
    seed = store.shape.seed
    low, high = AGES
    genders = (uniforms(seed, _GENDER, indexes) * len(GENDERS)).astype(np.int64)
    return pa.table(
        [
            [user_id(index) for index in indexes],
            low + (uniforms(seed, _AGE, indexes) * (high - low)).astype(np.int64),
            [GENDERS[code] for code in genders],
            (uniforms(seed, _LOCATION, indexes) * LOCATIONS).astype(np.int64),
        ],
        schema=USER_SCHEMA,
    )


def item_titles(store: SimulatedStore, indexes: Indexes) -> list[str]:
    """Returns titles that tell brand, style and category, as real ones do."""
    columns = store.items(indexes)
    style = (columns.style < 0).astype(np.int64)
    return [
        " ".join(
            part
            for part in (
                brand_name(brand),
                *(words[side] for words, side in zip(_STYLE_WORDS, sides, strict=True)),
                category_name(category),
            )
            if part
        )
        for brand, sides, category in zip(columns.brand, style, columns.category, strict=True)
    ]


def item_id(index: int) -> str:
    """Returns an item's public id."""
    return f"item-{index:08d}"


def item_index(name: str) -> int:
    """Returns the index of an item's id."""
    return int(name.removeprefix("item-"))


def user_id(index: int) -> str:
    """Returns a user's public id."""
    return f"user-{index:08d}"


def category_name(code: int) -> str:
    """Returns a category's name."""
    return f"category-{code:03d}"


def brand_name(code: int) -> str:
    """Returns a brand's name, empty for none."""
    return "" if code < 0 else f"brand-{code:03d}"


def _events(store: SimulatedStore, plan: HistoryPlan) -> Iterator[tuple[pa.Table, int]]:
    """Yields (events, sessions that they are of)."""
    per_day = np.diff(np.linspace(0, plan.sessions, plan.shape.days + 1).astype(np.int64))
    number = 0
    for day, count in enumerate(per_day.tolist()):
        for chunk in _chunks(count, CHUNK_SESSIONS):
            rng = np.random.default_rng([plan.shape.seed, day, int(chunk[0])])
            sessions = draw_sessions(store, chunk.size, day, rng)
            lists, _, _ = shown_lists(store, sessions, rng)
            actions = Actions.join([browse(store, sessions, rng), lists])
            yield _event_table(store, plan, sessions, actions, number), chunk.size
            number += chunk.size


def _event_table(
    store: SimulatedStore, plan: HistoryPlan, sessions: Sessions, actions: Actions, first_session: int
) -> pa.Table:
    limit = plan.shape.days * SECONDS_PER_DAY
    order = np.argsort(actions.seconds, kind="stable")
    order = order[actions.seconds[order] < limit]
    items, kinds, at = actions.items[order], actions.kinds[order], actions.sessions[order]
    listed = actions.positions[order] >= 0
    names = [f"s-{first_session + session}" for session in at]
    price = np.round(np.exp(store.items(items).log_price), 2)
    bought = kinds == EventType.PURCHASE
    return pa.table(
        [
            [f"e-{first_session}-{number}" for number in range(order.size)],
            [user_id(index) for index in sessions.users[at]],
            names,
            [item_id(index) for index in items],
            [EventType(kind).name.lower() for kind in kinds.tolist()],
            _timestamps(plan.start_s, actions.seconds[order]),
            _or_null(price, bought),
            _or_null(actions.ratings[order], actions.ratings[order] >= 0),
            _or_null(actions.positions[order], listed),
            [PageType.HOME.name.lower() if shown else None for shown in listed],
            [f"l-{name}" if shown else None for name, shown in zip(names, listed, strict=True)],
        ],
        schema=EVENT_SCHEMA,
    )


def _or_null(values: NDArray[np.generic], present: NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, mask=~present)


def _timestamps(start_s: int, seconds: Doubles) -> pa.Array:
    return pa.array((start_s * 1_000_000 + seconds * 1e6).astype(np.int64), pa.timestamp("us", "UTC"))


def _chunks(count: int, size: int) -> Iterator[Indexes]:
    return (np.arange(first, min(first + size, count)) for first in range(0, count, size))


def midnight_s(now_s: float) -> int:
    """Returns the last UTC midnight."""
    return int(
        datetime.fromtimestamp(now_s, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    )
