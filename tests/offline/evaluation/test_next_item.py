"""Anonymous sessions replayed: what counts as a moment, a hit and its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offline.evaluation.next_item import Session, measure, methods, read_sessions, split_sessions
from server.features.event_types import EventType
from tests.support.interactions import interactions

FIXTURE = Path(__file__).parents[2] / "data" / "rees46" / "2019-Oct-head-300.csv.gz"
ITEMS = 5


def always(scores: list[float]) -> object:
    return lambda session: np.array(scores, np.float32)


def test_a_moment_is_a_next_item_that_is_new_to_the_session() -> None:
    sessions = interactions([(0, 1, 10), (0, 1, 20), (0, 2, 30), (0, 1, 40), (1, 3, 5)], items=ITEMS)
    asked: list[list[int]] = []

    def score(session: Session) -> np.ndarray:
        asked.append(session[0].tolist())
        return np.array([1, 9, 2, 0, 3], np.float32)

    found = measure(sessions, score, 2)

    assert asked == [[1, 1]]
    assert (found.recall, found.mrr, found.moments) == (1.0, 0.5, 1)  # behind item 4; item 1 is seen


def test_an_item_without_a_score_and_one_too_far_down_are_misses() -> None:
    sessions = interactions([(0, 0, 1), (0, 3, 2), (1, 0, 1), (1, 2, 2), (2, 0, 1), (2, 4, 2)], items=ITEMS)

    found = measure(sessions, always([0, 5, 4, 0, 3]), 2)  # type: ignore[arg-type]

    assert found.moments == 3
    assert found.recall == pytest.approx(1 / 3)
    assert found.mrr == pytest.approx(1 / 6)


def test_the_latest_sessions_are_replayed_against_what_came_before_them() -> None:
    events = interactions([(user, item, 100 * user + item) for user in range(10) for item in range(2)])

    train, later = split_sessions(events, 0.2)

    assert set(later.users.tolist()) == {8, 9}
    assert train.times_s.max() < later.times_s.min()


def test_a_session_is_foretold_by_its_own_events() -> None:
    pairs = [(user, 2 * (user % 3) + item, 10 * user + item) for user in range(60) for item in range(2)]
    train, later = split_sessions(interactions(pairs), 0.2)

    quality = {name: measure(later, score, 1).recall for name, score in methods(train).items()}

    assert quality["session, cosine"] == quality["session, mix"] == quality["session, ease"] == 1.0
    assert quality["popular"] < 1.0


def test_a_file_of_a_shop_is_read_by_session() -> None:
    events = read_sessions(FIXTURE, "user_session", "product_id")

    assert 0 < events.user_count < len(events) <= 300
    assert EventType.VIEW in events.types
