"""What users do of their own accord: sessions of views by taste and popularity, carts, purchases and ratings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.simulation.draws import Doubles, Indexes, zipf_ranks
from offline.simulation.store import FAVOURITE_SHARES, SimulatedStore, UserColumns, each
from server.features.event_types import EventType

CHOICE_ITEMS = 6
"""A user's search shows so many items of a category, popular ones more often; the best liked is viewed."""
CHOICE_CATEGORIES = 3
SESSION_VIEWS_MAX = 30
CART_BEFORE_PURCHASE = 0.5
"""Share of purchases that go through the cart: REES46 logs more purchases than carts."""
VIEW_GAP_S = 40.0
SECONDS_PER_DAY = 86_400
HIGHEST_RATING, MIDDLE_RATING = 5.0, 3.5


@dataclass(frozen=True, slots=True)
class Sessions:
    """Visits to come. users: indexes. seconds: since the history's beginning, when each begins."""

    users: Indexes
    seconds: Doubles

    def __len__(self) -> int:
        return int(self.users.size)

    @property
    def days(self) -> Doubles:
        """When each begins, in days."""
        return self.seconds / SECONDS_PER_DAY


@dataclass(frozen=True, slots=True)
class Actions:
    """Things done, one a row. sessions: positions in Sessions. position, recommendation: -1 = none.
    ratings: -1 = none."""

    sessions: Indexes
    items: Indexes
    kinds: NDArray[np.uint8]
    seconds: Doubles
    ratings: Doubles
    positions: Indexes

    @staticmethod
    def of(
        sessions: Indexes,
        items: Indexes,
        kind: EventType,
        seconds: Doubles,
        ratings: Doubles | None = None,
        positions: Indexes | None = None,
    ) -> Actions:
        """Returns actions of one kind."""
        return Actions(
            sessions,
            items,
            np.full(sessions.size, kind, np.uint8),
            seconds,
            np.full(sessions.size, -1.0) if ratings is None else ratings,
            np.full(sessions.size, -1, np.int64) if positions is None else positions,
        )

    @staticmethod
    def join(parts: list[Actions]) -> Actions:
        """Returns all of the parts' rows."""
        return Actions(*(np.concatenate([getattr(p, name) for p in parts]) for name in Actions.__slots__))


def draw_sessions(store: SimulatedStore, count: int, day: int, rng: np.random.Generator) -> Sessions:
    """Returns the visits of one day, by time: few users come often."""
    measured = store.parameters.measured
    users = zipf_ranks(rng.random(count), store.shape.users, measured.activity_exponent)
    hours = rng.choice(24, count, p=np.array(measured.hour_shares) / sum(measured.hour_shares))
    seconds = np.sort(day * SECONDS_PER_DAY + (hours + rng.random(count)) * 3600.0)
    return Sessions(users, seconds)


def browse(store: SimulatedStore, sessions: Sessions, rng: np.random.Generator) -> Actions:
    """Returns what the sessions' users view, put into the cart, buy and rate without any recommendation."""
    measured = store.parameters.measured
    users = store.users(sessions.users)
    lengths = np.minimum(rng.geometric(1.0 / measured.session_views, len(sessions)), SESSION_VIEWS_MAX)
    categories = draw_categories(store, users, sessions.days, rng)
    parts = []
    for step in range(int(lengths.max(initial=0))):
        going = np.flatnonzero(lengths > step)
        some = take_users(users, going)
        if step:
            leave = rng.random(going.size) >= measured.category_stays
            anew = draw_categories(store, some, sessions.days[going], rng)
            categories[going] = np.where(leave, anew, categories[going])
        found = draw_items(store, some, categories[going], sessions.days[going], rng)
        kept = found >= 0
        seconds = sessions.seconds[going] + step * VIEW_GAP_S * (0.5 + rng.random(going.size))
        parts.append(Actions.of(going[kept], found[kept], EventType.VIEW, seconds[kept]))
        parts += page_actions(store, sessions, going[kept], found[kept], seconds[kept], rng)
    return Actions.join(parts)


def draw_categories(
    store: SimulatedStore, users: UserColumns, days: Doubles, rng: np.random.Generator
) -> Indexes:
    """Returns a category for each user: mostly a favourite, and rather one in season."""
    count = days.size
    by_taste = np.take_along_axis(
        users.favourites, rng.choice(3, (count, CHOICE_CATEGORIES), p=FAVOURITE_SHARES), axis=1
    )
    anything = np.searchsorted(
        np.cumsum(store.category_shares)[:-1], rng.random((count, CHOICE_CATEGORIES)), side="right"
    )
    own = rng.random((count, CHOICE_CATEGORIES)) < store.parameters.measured.favourites_share
    drawn = np.where(own, by_taste, anything)
    wanted = store.season(drawn, days[:, None]) + rng.gumbel(size=drawn.shape)
    return np.take_along_axis(drawn, wanted.argmax(axis=1)[:, None], axis=1)[:, 0]


def draw_items(
    store: SimulatedStore, users: UserColumns, categories: Indexes, days: Doubles, rng: np.random.Generator
) -> Indexes:
    """Returns the item that each user views in a category; -1 where what the search shows is not there yet."""
    starts = store.category_starts[categories][:, None]
    sizes = store.category_starts[categories + 1][:, None] - starts
    ranks = zipf_ranks(
        rng.random((categories.size, CHOICE_ITEMS)), sizes, store.parameters.measured.item_exponent
    )
    indexes = starts + ranks
    shown = store.items(indexes)
    liking = store.utility(each(users), shown, days[:, None]) + rng.gumbel(size=indexes.shape)
    liking = np.where(shown.added_day <= days[:, None], liking, -np.inf)
    best = liking.argmax(axis=1)[:, None]
    found = np.take_along_axis(indexes, best, axis=1)[:, 0]
    return np.where(np.isfinite(np.take_along_axis(liking, best, axis=1)[:, 0]), found, -1)


def page_actions(
    store: SimulatedStore,
    sessions: Sessions,
    at: Indexes,
    items: Indexes,
    seconds: Doubles,
    rng: np.random.Generator,
) -> list[Actions]:
    """Returns carts, purchases and ratings of users who are on items' pages. at: positions in sessions."""
    measured, chosen = store.parameters.measured, store.parameters.chosen
    users = store.users(sessions.users[at])
    utility = store.utility(users, store.items(items), sessions.days[at])
    buys = rng.random(at.size) < store.purchase_probability(utility)
    idle = max(0.0, measured.cart_per_view - CART_BEFORE_PURCHASE * measured.purchase_per_view)
    carts = rng.random(at.size) < np.where(buys, CART_BEFORE_PURCHASE, idle)
    rates = buys & (rng.random(at.size) < chosen.rating_share)
    opinion = np.round(2 * (MIDDLE_RATING + 0.5 * utility + 0.5 * rng.standard_normal(at.size))) / 2
    return [
        Actions.of(at[carts], items[carts], EventType.ADD_TO_CART, seconds[carts] + 10),
        Actions.of(at[buys], items[buys], EventType.PURCHASE, seconds[buys] + 20),
        Actions.of(
            at[rates],
            items[rates],
            EventType.RATING,
            seconds[rates] + 30,
            np.clip(opinion[rates], 0.5, HIGHEST_RATING),
        ),
    ]


def take_users(users: UserColumns, at: NDArray[np.int64]) -> UserColumns:
    """Returns the users at positions of columns."""
    return UserColumns(*(getattr(users, name)[at] for name in UserColumns.__slots__))


def respond(
    store: SimulatedStore,
    users: UserColumns,
    lists: Indexes,
    days: Doubles,
    rng: np.random.Generator,
    owned: NDArray[np.bool_] | bool = False,
) -> tuple[NDArray[np.bool_], Doubles]:
    """Returns (clicked bool[n, k], click probability f64[n, k]) of lists i64[n, k] shown from position 0.

    owned: where the user has the item already, and wants it less.
    """
    utility = store.utility(each(users), store.items(lists), days[:, None])
    utility = utility - store.parameters.chosen.own_weight * np.asarray(owned)
    likely = store.examination(np.arange(lists.shape[1])) * store.click_probability(utility)
    return rng.random(lists.shape) < likely, likely
