"""Solves for the two logits that no log says directly; `python -m offline.simulation.calibration` prints them.

Bisection on expectations, over a store of the default shape: a list of random items is clicked as often as the uniform
policy's lists of Open Bandit, and what users view of their own accord is bought as often as in REES46. No recommender takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from offline.simulation.browsing import browse, draw_sessions
from offline.simulation.parameters import CalibratedParameters, StoreParameters, load_parameters
from offline.simulation.store import SimulatedStore, StoreShape
from server.features.event_types import EventType

PAIRS = 200_000
SESSIONS = 20_000
DAY = 30
LOGIT_RANGE = (-20.0, 10.0)
STEPS = 60


def calibrate(parameters: StoreParameters) -> CalibratedParameters:
    """Returns the logits that meet random_click_rate and purchase_per_view."""
    rng = np.random.default_rng(0)
    store = SimulatedStore(StoreShape(), parameters)
    users = store.users(rng.integers(0, store.shape.users, PAIRS))
    utility = store.utility(users, store.items(rng.integers(0, store.shape.items, PAIRS)), float(DAY))
    looked = float(store.examination(np.arange(parameters.chosen.random_list_length)).mean())

    def click_rate(logit: float) -> float:
        return looked * float(with_logits(store, logit, 0).click_probability(utility).mean())

    sessions = draw_sessions(store, SESSIONS, DAY, rng)
    actions = browse(store, sessions, rng)
    views = actions.kinds == EventType.VIEW
    at = actions.sessions[views]
    liked = store.utility(
        store.users(sessions.users[at]), store.items(actions.items[views]), sessions.days[at]
    )

    def purchase_rate(logit: float) -> float:
        return float(with_logits(store, 0, logit).purchase_probability(liked).mean())

    return CalibratedParameters(
        click_logit=solve(click_rate, parameters.measured.random_click_rate),
        purchase_logit=solve(purchase_rate, parameters.measured.purchase_per_view),
    )


def with_logits(store: SimulatedStore, click: float, purchase: float) -> SimulatedStore:
    """Returns the store with other logits."""
    calibrated = CalibratedParameters(click, purchase)
    return SimulatedStore(store.shape, replace(store.parameters, calibrated=calibrated))


def solve(rising: Callable[[float], float], wanted: float) -> float:
    """Returns where a rising function of a logit meets a value."""
    low, high = LOGIT_RANGE
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def main() -> None:
    """Prints the section."""
    found = calibrate(load_parameters())
    print(f"[calibrated]\nclick_logit = {found.click_logit:.3f}\npurchase_logit = {found.purchase_logit:.3f}")


if __name__ == "__main__":
    main()
