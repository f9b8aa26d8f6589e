"""The half-life of neighbours follows the shop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from offline.candidates.collaborative import CollaborativeOptions
from offline.candidates.half_life import HalfLifeSearch, choose_half_life
from offline.candidates.interactions import Interactions
from tests.support.interactions import interactions

DAY = 86_400
GROUPS, PARTNERS, USERS, DAYS = 40, 30, 2_000, 1_000
DEFAULT = CollaborativeOptions(half_life_days=45.0)
SEARCH = HalfLifeSearch(events_max=100_000)


def shop(*, fashions: bool) -> Interactions:
    """Users who take an item of a group, and then one of its companions, half the time the one in favour.

    fashions: every 100 days another companion is in favour; else none ever is but the first.
    """
    rng = np.random.default_rng(1)
    events = []
    for user in range(USERS):
        day = int(rng.integers(0, DAYS))
        for group in rng.choice(GROUPS, 3, replace=False).tolist():
            favoured = (group + (day // 100 if fashions else 0)) % PARTNERS
            taken = favoured if rng.random() < 0.5 else int(rng.zipf(1.5)) % PARTNERS
            first = group * (PARTNERS + 1)
            events.append((user, first, day * DAY))
            events.append((user, first + 1 + taken, (day + 30) * DAY))
    return interactions(events)


def test_a_shop_whose_companions_never_change_forgets_nothing() -> None:
    assert choose_half_life(shop(fashions=False), DEFAULT, SEARCH).half_life_days is None


def test_a_shop_of_fashions_forgets() -> None:
    never = replace(DEFAULT, half_life_days=None)
    chosen = choose_half_life(shop(fashions=True), never, SEARCH)
    assert chosen.half_life_days is not None
    assert chosen == replace(never, half_life_days=chosen.half_life_days)


def test_events_that_cannot_tell_change_nothing() -> None:
    few = interactions([(user, user % 7, user * DAY) for user in range(200)])
    at_once = interactions([(user, item, 5) for user in range(200) for item in (user % 7, user % 11)])
    for events in (interactions([]), few, at_once):
        assert choose_half_life(events, DEFAULT, SEARCH) == DEFAULT


def test_a_large_log_is_sampled_by_user() -> None:
    small = replace(SEARCH, events_max=1_000)
    assert choose_half_life(shop(fashions=False), DEFAULT, small).half_life_days in (None, 45.0, 180.0, 720.0)
