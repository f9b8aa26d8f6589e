"""Closed-form weights against the closed form written out in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.candidates import ease as ease_module
from offline.candidates.collaborative import CollaborativeOptions
from offline.candidates.ease import EaseOptions, ease_by_candidate, items_with_events, memory_bytes
from offline.candidates.interactions import Interactions
from tests.support.interactions import interactions

DAY = 86_400
PLAIN = CollaborativeOptions(half_life_days=None)


def by_definition(events: Interactions, strength: float, half_life_days: float | None = None) -> np.ndarray:
    """(candidate x history item): B's positive weights."""
    x = np.zeros((events.user_count, events.item_count))
    ages = (10 * DAY - events.times_s) / DAY if half_life_days else np.zeros(len(events))
    x[events.users, events.item_rows] = 0.5 ** (ages / (half_life_days or 1))
    active = np.flatnonzero(x.sum(axis=0))
    gram = x[:, active].T @ x[:, active]
    inverse = np.linalg.inv(gram + strength * np.diag(gram).mean() * np.eye(len(active)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    found = np.zeros((events.item_count, events.item_count))
    found[np.ix_(active, active)] = np.maximum(weights, 0).T
    return found


pairs = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 11)), min_size=1, max_size=60, unique=True)


@settings(max_examples=60, deadline=None)
@given(pairs, st.sampled_from([0.3, 2.0, 10.0]))
def test_weights_are_those_of_the_closed_form(taken: list[tuple[int, int]], strength: float) -> None:
    events = interactions(taken, users=9, items=12)

    found = ease_by_candidate(events, 0, PLAIN, EaseOptions(strength)).toarray()

    assert found == pytest.approx(by_definition(events, strength), abs=1e-5)


def test_blocks_of_columns_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    events = interactions(sorted({(u, int(i)) for u in range(30) for i in rng.integers(0, 20, 5)}), items=20)
    whole = ease_by_candidate(events, 0, PLAIN, EaseOptions()).toarray()

    monkeypatch.setattr(ease_module, "BLOCK_COLUMNS", 3)

    assert ease_by_candidate(events, 0, PLAIN, EaseOptions()).toarray() == pytest.approx(whole, abs=1e-6)


def test_old_events_weigh_less() -> None:
    events = interactions([(0, 0, 0), (0, 1, 10 * DAY), (1, 0, 5 * DAY), (1, 2, 10 * DAY)])

    options = CollaborativeOptions(half_life_days=5.0)
    found = ease_by_candidate(events, 10 * DAY, options, EaseOptions(2.0)).toarray()

    assert found == pytest.approx(by_definition(events, 2.0, 5.0), abs=1e-6)


def test_a_candidate_keeps_its_largest_weights() -> None:
    rng = np.random.default_rng(1)
    events = interactions(sorted({(u, int(i)) for u in range(60) for i in rng.integers(0, 15, 6)}), items=15)
    whole = by_definition(events, 10.0)

    found = ease_by_candidate(events, 0, PLAIN, EaseOptions(10.0, neighbours_max=2)).toarray()

    for candidate in range(15):
        kept = np.flatnonzero(found[candidate])
        assert set(kept) <= set(np.argsort(-whole[candidate])[:2])
        assert len(kept) == min(2, np.count_nonzero(whole[candidate] > 0))


def test_without_events_there_is_nothing() -> None:
    assert ease_by_candidate(interactions([], users=0, items=3), 0, PLAIN, EaseOptions()).nnz == 0


def test_memory_is_counted_by_items_that_have_events() -> None:
    assert items_with_events(interactions([(0, 1), (1, 1), (1, 4)], items=1_000_000)) == 2
    assert 1.6e9 < memory_bytes(20_000) < 1.7e9
