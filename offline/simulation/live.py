"""Plays a store's users against a recommender: they ask for lists, look, click, buy, rate, and it is told of all of it.

The recommender's lists are the ones whose consequences happen. Beside each of them the same user is shown, in thought,
a random, a popular and the truly best list, and answers those with dice of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from offline.simulation.browsing import (
    SECONDS_PER_DAY,
    Actions,
    Sessions,
    browse,
    draw_sessions,
    page_actions,
    respond,
)
from offline.simulation.draws import Doubles, Indexes
from offline.simulation.history import item_index
from offline.simulation.outcomes import Outcomes
from offline.simulation.policies import POLICIES, Baselines
from offline.simulation.store import SimulatedStore
from server.features.event_types import EventType

SERVER = "server"
POPULARITY_DAYS = 30
PURCHASE_COUNTS = 10.0
"""A purchase says as much of an item's popularity as so many views."""
NEW_USER_SHARE = 0.1
NEW_USER_SESSIONS = 6
"""New users come this often in the run, on average."""


class Recommender(Protocol):
    """What users talk to."""

    def recommend(self, user: int, length: int) -> tuple[str, Sequence[str]]:
        """Returns (recommendation id, item ids)."""
        ...

    def tell(self, user: int, session: str, actions: Actions, recommendation_id: str) -> None:
        """Takes what a user did; actions with a position are about the recommendation's list."""
        ...

    def add_items(self, indexes: Indexes) -> None:
        """Puts new items on offer."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """What is asked of the outcomes afterwards. known_events: of the user before the visit; -1 = not a new user.
    new_shown: (virtual hours since it was added, click probability, position) of each new item that was shown."""

    known_events: int
    new_shown: tuple[tuple[float, float, int], ...]


@dataclass(slots=True)
class Play:
    """One run. past: the folder of `generate`. days: virtual days that the sessions are spread over."""

    store: SimulatedStore
    recommender: Recommender
    past: Path
    sessions: int
    days: float
    length: int
    seed: int
    outcomes: dict[str, Outcomes] = field(init=False)
    visits: list[Visit] = field(init=False, default_factory=list)
    short_lists: int = field(init=False, default=0)
    _owned: dict[int, set[int]] = field(init=False, default_factory=dict)
    _known: dict[int, int] = field(init=False, default_factory=dict)
    _baselines: Baselines = field(init=False)
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.outcomes = {name: Outcomes() for name in (SERVER, *POLICIES)}
        self._rng = np.random.default_rng([self.seed, 1])
        every = self.store.items(self.store.all_items)
        popularity = self._read_past()
        self._baselines = Baselines(self.store, popularity, every.added_day <= self.store.shape.days, every)

    @property
    def catalogue(self) -> int:
        """Items on offer by now."""
        return int(self._baselines.there.sum())

    def run(self) -> Iterator[int]:
        """Plays; yields the number of sessions that are over."""
        sessions = self._draw_sessions()
        for at in range(len(sessions)):
            one = Sessions(sessions.users[at : at + 1], sessions.seconds[at : at + 1])
            self._add_items(float(one.days[0]))
            self._visit(one, f"live-{self.seed}-{at}")
            yield at + 1

    def _draw_sessions(self) -> Sessions:
        """Returns the visits by time; a share of them is by users whom nobody has seen before."""
        drawn = draw_sessions(self.store, self.sessions, self.store.shape.days, self._rng)
        spread = np.sort(self._rng.random(self.sessions)) * self.days * SECONDS_PER_DAY
        new = self._rng.random(self.sessions) < NEW_USER_SHARE
        strangers = max(1, int(new.sum()) // NEW_USER_SESSIONS)
        users = drawn.users.copy()
        users[new] = self.store.shape.users + self._rng.integers(0, strangers, int(new.sum()))
        return Sessions(users, self.store.shape.days * SECONDS_PER_DAY + spread)

    def _add_items(self, day: float) -> None:
        due = (self._baselines.every.added_day <= day) & ~self._baselines.there
        if due.any():
            self.recommender.add_items(np.flatnonzero(due))
            self._baselines.there |= due

    def _visit(self, session: Sessions, name: str) -> None:
        user, day = int(session.users[0]), float(session.days[0])
        owned = self._owned.setdefault(user, set())
        recommendation_id, item_ids = self.recommender.recommend(user, self.length)
        answered = np.array([item_index(text) for text in item_ids], np.int64)
        self.short_lists += answered.size < self.length
        lists = self._baselines.lists(self.store.users(session.users), day, owned, self.length, self._rng)
        actions, likely = self._answer(session, SERVER, answered, owned)
        for policy, items in lists.items():
            self._answer(session, policy, items, owned)
        self.visits.append(self._remember(user, day, answered, likely))
        own = browse(self.store, session, self._rng)
        parts = [actions, own]
        self.recommender.tell(user, name, Actions.join(parts), recommendation_id)
        for part in parts:
            owned.update(part.items[part.kinds == EventType.PURCHASE].tolist())
            if user >= self.store.shape.users:
                told = int((part.kinds != EventType.IMPRESSION).sum())
                self._known[user] = self._known.get(user, 0) + told

    def _remember(self, user: int, day: float, items: Indexes, likely: Doubles) -> Visit:
        added = self._baselines.every.added_day[items]
        new = np.flatnonzero(added > self.store.shape.days)
        shown = tuple((float(day - added[at]) * 24, float(likely[at]), int(at)) for at in new)
        return Visit(-1 if user < self.store.shape.users else self._known.get(user, 0), shown)

    def _answer(
        self, session: Sessions, policy: str, items: Indexes, owned: set[int]
    ) -> tuple[Actions, Doubles]:
        """Counts what a list comes to; returns what the user does with it, and how likely each click was."""
        store, users = self.store, self.store.users(session.users)
        has = np.array([index in owned for index in items.tolist()], np.bool_)
        clicked, likely = respond(store, users, items[None], session.days, self._rng, has)
        places = np.flatnonzero(clicked[0])
        none = np.zeros(places.size, np.int64)
        seconds = session.seconds[none] + 5.0 + places
        follow = page_actions(store, session, none, items[places], seconds, self._rng)
        purchases = sum(int((part.kinds == EventType.PURCHASE).sum()) for part in follow)
        categories = self._baselines.every.category[items]
        self.outcomes[policy].add(items, likely[0], clicked[0], purchases, categories)
        shown = Actions.of(
            np.zeros(items.size, np.int64),
            items,
            EventType.IMPRESSION,
            np.repeat(session.seconds, items.size),
            positions=np.arange(items.size),
        )
        clicks = Actions.of(none, items[places], EventType.CLICK, seconds, positions=places)
        return Actions.join([shown, clicks, *follow]), likely[0]

    def _read_past(self) -> Doubles:
        """Returns popularity by item of the last days, and notes what users have bought."""
        popularity = np.zeros(self.store.shape.items)
        with pq.ParquetFile(self.past / "events.parquet") as events:
            last = events.metadata.num_row_groups
            per_day = max(1, last // max(self.store.shape.days, 1))
            for group in range(last):
                table = events.read_row_group(group, ["user_id", "item_id", "event_type"])
                kinds = table.column("event_type")
                bought = table.filter(pc.equal(kinds, "purchase"))
                users = [int(text.removeprefix("user-")) for text in bought.column("user_id").to_pylist()]
                items = [item_index(text) for text in bought.column("item_id").to_pylist()]
                for user, item in zip(users, items, strict=True):
                    self._owned.setdefault(user, set()).add(item)
                if group >= last - POPULARITY_DAYS * per_day:
                    viewed = table.filter(pc.equal(kinds, "view")).column("item_id").to_pylist()
                    np.add.at(popularity, [item_index(text) for text in viewed], 1.0)
                    np.add.at(popularity, items, PURCHASE_COUNTS)
        return popularity
