"""What each item of a history weighs."""

from __future__ import annotations

import numpy as np
import pytest

from server.features.event_types import EventType
from server.features.history_weights import SECONDS_PER_DAY, weigh_items


def weigh(*events: tuple[int, float, EventType], half_life_days: float = 10.0) -> dict[int, float]:
    """Returns weights by row; an event is (row, age in days, type)."""
    ordered = sorted(events, key=lambda event: -event[1])
    rows = np.array([row for row, _, _ in ordered], np.int32)
    times = np.array([4e9 - age * SECONDS_PER_DAY for _, age, _ in ordered]).astype(np.int64)
    types = np.array([kind for _, _, kind in ordered], np.uint8)
    found, weights = weigh_items(rows, times, types, half_life_days)
    assert weights.dtype == np.float32
    return dict(zip(found.tolist(), weights.tolist(), strict=True))


def test_an_event_weighs_by_its_type_and_half_for_each_half_life() -> None:
    assert weigh((3, 0, EventType.VIEW), (4, 10, EventType.PURCHASE)) == pytest.approx({3: 1, 4: 2.5})


def test_the_strongest_event_counts_and_not_their_sum() -> None:
    views = [(3, 0, EventType.VIEW)] * 7
    assert weigh(*views, (3, 10, EventType.PURCHASE)) == pytest.approx({3: 2.5})


def test_age_counts_from_the_newest_event() -> None:
    long_ago = weigh((3, 40_000, EventType.VIEW), (4, 40_010, EventType.VIEW))
    assert long_ago == pytest.approx(weigh((3, 0, EventType.VIEW), (4, 10, EventType.VIEW)))


def test_unknown_items_are_left_out() -> None:
    assert weigh((-1, 0, EventType.PURCHASE), (2, 0, EventType.VIEW)) == {2: 1}
    assert weigh() == {}
