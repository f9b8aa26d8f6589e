"""Which neighbours are served follows the shop, and nothing but the events that were given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offline.candidates.collaborative import CollaborativeOptions
from offline.candidates.held_out import HeldOutOptions, hold_out
from offline.candidates.interactions import Interactions
from offline.candidates.neighbour_choice import NeighbourSearch, choose_neighbours
from offline.candidates.neighbour_file import choice_metrics, read_options, write_choice
from offline.candidates.neighbours import NeighbourMethod, NeighbourOptions
from server.features.event_types import EventType
from tests.support.interactions import interactions

DAY = 86_400
GROUPS, PARTNERS, USERS, DAYS = 40, 30, 2_000, 1_000
DEFAULT = NeighbourOptions()
HALF_LIVES = NeighbourSearch(
    methods=(NeighbourMethod.COSINE,), user_exponents=(), basket_weights=(), recency_exponents=()
)


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


def tastes(users: int = 300) -> Interactions:
    """Users who each take six items of one group of ten, and two that everybody takes; no times."""
    rng = np.random.default_rng(2)
    events = []
    for user in range(users):
        group = user % 5
        events += [(user, 10 * group + int(item)) for item in rng.choice(10, 6, replace=False)]
        events += [(user, 50 + int(item)) for item in rng.choice(4, 2, replace=False)]
    return interactions(events)


def test_a_shop_whose_companions_never_change_forgets_nothing() -> None:
    chosen = choose_neighbours(shop(fashions=False), DEFAULT, HALF_LIVES).options
    assert chosen.collaborative.half_life_days is None


def test_a_shop_of_fashions_forgets() -> None:
    never = NeighbourOptions(collaborative=CollaborativeOptions(half_life_days=None))
    chosen = choose_neighbours(shop(fashions=True), never, HALF_LIVES).options
    assert chosen.collaborative.half_life_days is not None


def test_events_that_cannot_tell_change_nothing() -> None:
    few = interactions([(user, user % 7, user * DAY) for user in range(200)])
    for events in (interactions([]), few, tastes(users=20)):
        choice = choose_neighbours(events)
        assert (choice.options, choice.trials) == (DEFAULT, ())


def test_events_without_times_are_held_out_at_random() -> None:
    (part,) = hold_out(tastes())

    assert len(part.train) < len(tastes())
    assert part.wanted.multiply(part.seen > 0).nnz == 0
    assert choose_neighbours(tastes()).trials


def test_a_large_log_is_sampled_by_user() -> None:
    (part, *_) = hold_out(shop(fashions=False), HeldOutOptions(events_max=1_000, users_min=10))
    assert 0 < len(part.train) < 1_500


def test_what_is_held_out_comes_after_what_is_known() -> None:
    events = shop(fashions=False)
    later, earlier = hold_out(events)

    assert later.train.times_s.max() < later.cut_s
    assert earlier.train.times_s.max() < earlier.cut_s < later.cut_s


@pytest.mark.parametrize("method", list(NeighbourMethod))
def test_a_setting_fixes_the_method(method: NeighbourMethod) -> None:
    for events in (tastes(), tastes(users=20)):
        search = NeighbourSearch(methods=(method,))
        assert choose_neighbours(events, search=search).options.method == method


def test_the_chosen_table_is_the_last_that_was_kept_and_not_surely_worse_than_the_first() -> None:
    choice = choose_neighbours(tastes())

    assert choice.trials[0].kept
    assert choice.quality == next(trial.quality for trial in reversed(choice.trials) if trial.kept)
    assert choice.quality > 0.9 * choice.trials[0].quality


def test_weights_by_event_type_are_tried_only_where_there_are_several_types() -> None:
    def named(events: Interactions) -> set[str]:
        return {trial.name for trial in choose_neighbours(events).trials}

    one = tastes()
    kinds = np.where(np.arange(len(one)) % 3 > 0, EventType.VIEW, EventType.PURCHASE).astype(np.uint8)
    several = replace(one, types=kinds)

    assert "weights by event type" in named(several) - named(one)


def test_a_choice_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_options(tmp_path) == DEFAULT
    choice = choose_neighbours(tastes())
    weights = {EventType.VIEW: 1.0, EventType.PURCHASE: 4.0}
    collaborative = replace(choice.options.collaborative, type_weights=weights)
    choice = replace(choice, options=replace(choice.options, collaborative=collaborative))

    write_choice(tmp_path, choice)

    assert read_options(tmp_path) == choice.options
    metrics = choice_metrics(tmp_path)
    assert metrics["validation_neighbours_quality_20"] == choice.quality
    assert metrics["validation_neighbours_default_quality_20"] == choice.trials[0].quality
