"""How new users and new items fared in a play."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offline.simulation.live import Visit
from offline.simulation.outcomes import Outcomes, Summary

USER_STEPS = (0, 1, 3, 10)
"""Events known of a new user: none, then from each of these up to the next."""
ITEM_HOURS = ((0.0, 1.0), (1.0, 6.0), (6.0, 24.0), (24.0, 168.0))


@dataclass(frozen=True, slots=True)
class NewItemHours:
    """New items by their age in hours. share: of all items shown. likely: mean click probability at the places they
    got; beside: that of all items shown."""

    first: float
    last: float
    shown: int
    share: float
    likely: float
    beside: float


def by_known_events(visits: Sequence[Visit], outcomes: Outcomes, catalogue: int) -> dict[str, Summary]:
    """Returns the figures of new users' lists by the number of their events that the recommender had."""
    known = np.array([visit.known_events for visit in visits])
    found = {}
    for at, least in enumerate(USER_STEPS):
        most = USER_STEPS[at + 1] - 1 if at + 1 < len(USER_STEPS) else np.iinfo(np.int64).max
        name = (
            f"{least}" if most == least else f"{least} to {most}" if at + 1 < len(USER_STEPS) else f"{least}+"
        )
        found[name] = outcomes.summary(catalogue, ((known >= least) & (known <= most)).tolist())
    return found


def by_item_hours(visits: Sequence[Visit], outcomes: Outcomes) -> list[NewItemHours]:
    """Returns how often, and how well, new items were shown in their first hours."""
    rows = np.array(outcomes.rows, np.float64).reshape(-1, 6)
    shown, expected = float(rows[:, 0].sum()), float(rows[:, 2].sum())
    new = np.array([item[:2] for visit in visits for item in visit.new_shown], np.float64).reshape(-1, 2)
    found = []
    for first, last in ITEM_HOURS:
        own = new[(new[:, 0] >= first) & (new[:, 0] < last)]
        likely = float(own[:, 1].mean()) if len(own) else float("nan")
        found.append(NewItemHours(first, last, len(own), len(own) / shown, likely, expected / shown))
    return found
