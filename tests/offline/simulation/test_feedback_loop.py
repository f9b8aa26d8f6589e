"""A recommender that learns from what it showed."""

from __future__ import annotations

import numpy as np

from offline.simulation.feedback_loop import run_loop, svg_of, with_chance
from offline.simulation.parameters import load_parameters
from offline.simulation.store import SimulatedStore, StoreShape

STORE = SimulatedStore(StoreShape(items=300, users=200), load_parameters())


def test_chance_lets_the_model_learn_of_more_items() -> None:
    plain, explored = run_loop(STORE, 0.0, seed=1, rounds=8), run_loop(STORE, 0.15, seed=1, rounds=8)
    assert explored[-1].coverage > plain[-1].coverage
    assert plain == run_loop(STORE, 0.0, seed=1, rounds=8)


def test_chance_fills_its_share_of_places_with_items_that_the_list_lacks() -> None:
    lists = np.tile(np.arange(20), (2_000, 1))
    changed = with_chance(STORE, lists, 0.2, np.random.default_rng(0))
    places = changed != lists
    assert 0.15 < places.mean() < 0.21
    assert (changed[places] >= 20).all()


def test_the_plot_has_a_line_for_each_run_in_each_panel() -> None:
    run = run_loop(STORE, 0.0, seed=2, rounds=2)
    assert svg_of({0.0: run, 0.15: run}).count("<polyline") == 4
