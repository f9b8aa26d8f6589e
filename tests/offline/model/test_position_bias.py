"""Position bias on simulated logs, where it is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from offline.engine import Engine
from offline.model.position_bias import (
    count_shown,
    estimate_examination,
    read_exponent,
    write_examination,
)
from offline.simulation.browsing import Sessions, draw_sessions, respond
from offline.simulation.legacy_lists import legacy_lists
from offline.simulation.parameters import load_parameters
from offline.simulation.store import SimulatedStore, StoreShape
from server.features.event_types import EventType
from server.features.user_event import UserEvent
from server.stores.event_log import events_table

STORE = SimulatedStore(StoreShape(items=600, users=5_000), load_parameters())
LIST_LENGTH = 10


Counts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def simulated_log(sessions: int, *, dear_first: bool = False) -> Counts:
    """Returns (items, positions, shown, clicks) of the store's lists: good items rather on top, or else dear ones,
    which are not better liked."""
    rng = np.random.default_rng(5)
    visits = draw_sessions(STORE, sessions, 30, rng)
    lists = legacy_lists(STORE, visits, rng)[:, :LIST_LENGTH]
    if dear_first:
        dear = STORE.items(np.maximum(lists, 0)).price_gap + 0.5 * rng.standard_normal(lists.shape)
        order = np.argsort(np.where(lists >= 0, -dear, np.inf), axis=1)
        lists = np.take_along_axis(lists, order, axis=1)
    users = STORE.users(visits.users)
    clicked, _ = respond(STORE, users, np.maximum(lists, 0), visits.days, rng)
    row, place = np.nonzero(lists >= 0)
    key = lists[row, place] * LIST_LENGTH + place
    shown = np.bincount(key, minlength=STORE.shape.items * LIST_LENGTH).astype(np.float64)
    clicks = np.bincount(key, clicked[row, place], minlength=shown.size)
    pairs = np.flatnonzero(shown)
    return pairs // LIST_LENGTH, pairs % LIST_LENGTH, shown[pairs], clicks[pairs]


@pytest.fixture(scope="module")
def log() -> Counts:
    return simulated_log(150_000)


def test_the_estimate_is_within_a_tenth_of_the_known_bias(log: Counts) -> None:
    items, positions, shown, clicks = log
    true = STORE.examination(np.arange(LIST_LENGTH))
    found = estimate_examination(items, positions, shown, clicks)
    assert (np.arange(LIST_LENGTH) + 1.0) ** -found.exponent == pytest.approx(true, rel=0.10)
    assert found.exponent == pytest.approx(STORE.parameters.chosen.examination_exponent, rel=0.10)
    # Each place's own value rests on its own clicks, and is no surer than they are.
    deviations = 1 / np.sqrt(np.bincount(positions, clicks))
    assert (np.abs(found.propensities / true - 1) < 4 * deviations).all()


def test_click_rates_alone_are_far_off_the_bias(log: Counts) -> None:
    _, positions, shown, clicks = log
    rates = np.bincount(positions, clicks) / np.bincount(positions, shown)
    true = STORE.examination(np.arange(LIST_LENGTH))
    assert (np.abs(rates / rates[0] / true - 1) > 0.10).any()


def test_weights_by_the_estimate_rank_better_than_click_rates() -> None:
    """Where the old order had its own mind. Where it agrees with the truth, the bias only repeats what is true."""
    items, positions, shown, clicks = simulated_log(100_000, dear_first=True)
    found = estimate_examination(items, positions, shown, clicks)
    weights = np.minimum((positions + 1.0) ** found.exponent, 10.0)
    counts = np.bincount(items, shown)
    kept = counts >= 1_000
    naive = (np.bincount(items, clicks) / np.maximum(counts, 1))[kept]
    fair = (np.bincount(items, clicks * weights) / np.maximum(counts, 1))[kept]
    truth = true_attraction()[kept]
    assert spearmanr(fair, truth).statistic > spearmanr(naive, truth).statistic + 0.01


def true_attraction() -> np.ndarray:
    """Returns each item's mean click probability, were it looked at, over the users whom it was shown to."""
    rng = np.random.default_rng(6)
    visits = draw_sessions(STORE, 60_000, 30, rng)
    lists = legacy_lists(STORE, Sessions(visits.users, visits.seconds), rng)
    _, likely = respond(STORE, STORE.users(visits.users), np.maximum(lists, 0), visits.days, rng)
    likely = likely / STORE.examination(np.arange(lists.shape[1]))
    known = lists >= 0
    sums = np.bincount(lists[known], likely[known], minlength=STORE.shape.items)
    return sums / np.maximum(np.bincount(lists[known], minlength=STORE.shape.items), 1)


def test_a_known_table_is_recovered_exactly_where_there_is_no_noise() -> None:
    places, attraction = np.array([1.0, 0.5, 0.25]), np.array([0.1, 0.02, 0.3])
    items, positions = np.divmod(np.arange(9), 3)
    shown = np.full(9, 1_000.0)
    found = estimate_examination(items, positions, shown, shown * places[positions] * attraction[items])
    assert found.propensities / found.propensities[0] == pytest.approx(places, abs=1e-4)
    assert found.clicks == 735


def test_places_without_clicks_say_nothing() -> None:
    one = np.zeros(2, np.int64)
    found = estimate_examination(one, np.array([0, 2]), np.array([10.0, 10.0]), np.array([5.0, 5.0]))
    assert np.isnan(found.propensities[1])
    with pytest.raises(ValueError, match="without clicks"):
        estimate_examination(one, np.array([0, 1]), np.ones(2), np.zeros(2))


def event(number: int, kind: EventType, item: str, recommendation: str, position: int) -> UserEvent:
    return UserEvent(
        f"e{number}", "u", "", item, kind, number, position=position, recommendation_id=recommendation
    )


def test_impressions_and_clicks_are_counted_once_a_list(tmp_path: Path) -> None:
    events = [
        event(1, EventType.IMPRESSION, "a", "r1", 0),
        event(2, EventType.IMPRESSION, "a", "r1", 0),
        event(3, EventType.IMPRESSION, "b", "r1", 1),
        event(4, EventType.CLICK, "a", "r1", 0),
        event(5, EventType.CLICK, "a", "r1", 0),
        event(6, EventType.IMPRESSION, "a", "r2", 0),
        event(7, EventType.CLICK, "c", "r2", 3),
        event(8, EventType.IMPRESSION, "a", "", 0),
    ]
    engine = Engine(tmp_path / "spill", threads=1)
    try:
        table = engine.from_arrow(events_table(events))
        assert count_shown(engine, table).to_pylist() == [
            {"item_id": "a", "position": 0, "shown": 2, "clicks": 1},
            {"item_id": "b", "position": 1, "shown": 1, "clicks": 0},
        ]
        (tmp_path / "examination.json").write_text('{"exponent": 1.5}')
        assert read_exponent(tmp_path, 0.5) == 1.5
        assert write_examination(engine, table, tmp_path) is None, "too few clicks"
        assert read_exponent(tmp_path, 0.5) == 0.5
    finally:
        engine.close()
