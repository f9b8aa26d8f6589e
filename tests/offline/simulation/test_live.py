"""Playing a store against a recommender."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from offline.simulation.browsing import Actions
from offline.simulation.cold_start import by_item_hours, by_known_events
from offline.simulation.history import HistoryPlan, item_id, write_history
from offline.simulation.live import SERVER, Play
from offline.simulation.outcomes import Outcomes, category_diversity
from offline.simulation.parameters import load_parameters
from offline.simulation.store import SimulatedStore, StoreShape
from server.features.event_types import EventType

SHAPE = StoreShape(items=300, users=50, days=10, future_days=30)
STORE = SimulatedStore(SHAPE, load_parameters())


@dataclass
class FirstItems:
    """Shows everybody the first items, and the newest one at the end."""

    told: list[Actions] = field(default_factory=list)
    added: list[int] = field(default_factory=list)

    def recommend(self, user: int, length: int) -> tuple[str, Sequence[str]]:
        shown = list(range(length - 1)) + (self.added[-1:] or [length - 1])
        return f"r-{len(self.told)}", [item_id(index) for index in shown]

    def tell(self, user: int, session: str, actions: Actions, recommendation_id: str) -> None:
        self.told.append(actions)

    def add_items(self, indexes: np.ndarray) -> None:
        self.added += indexes.tolist()


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    write_history(folder, HistoryPlan(SHAPE, 200, 1_760_054_400), lambda name, done: None)
    return folder


def played(past: Path, sessions: int = 150, seed: int = 3) -> tuple[Play, FirstItems]:
    recommender = FirstItems()
    play = Play(STORE, recommender, past, sessions=sessions, days=20.0, length=10, seed=seed)
    assert list(play.run()) == list(range(1, sessions + 1))
    return play, recommender


@pytest.fixture(scope="module")
def run(past: Path) -> tuple[Play, FirstItems]:
    return played(past)


def test_the_recommender_is_told_of_everything(run: tuple[Play, FirstItems]) -> None:
    play, recommender = run
    kinds = Counter(EventType(kind) for actions in recommender.told for kind in actions.kinds.tolist())
    assert kinds[EventType.IMPRESSION] == 150 * 10
    assert kinds[EventType.VIEW] > 150
    clicks = sum(row[1] for row in play.outcomes[SERVER].rows)
    assert kinds[EventType.CLICK] == clicks


def test_the_true_list_is_best_and_a_random_one_covers_most(run: tuple[Play, FirstItems]) -> None:
    play, _ = run
    summaries = {name: outcomes.summary(play.catalogue) for name, outcomes in play.outcomes.items()}
    rates = {name: summary.true_click_rate.value for name, summary in summaries.items()}
    assert rates["oracle"] == max(rates.values())
    assert rates["oracle"] > 5 * rates["random"]
    assert summaries["random"].coverage == max(s.coverage for s in summaries.values())
    assert (
        summaries["oracle"].true_click_rate.low < rates["oracle"] < summaries["oracle"].true_click_rate.high
    )


def test_the_same_seed_plays_the_same(past: Path) -> None:
    first, again, other = (played(past, 15, seed)[0].outcomes[SERVER].rows for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_new_items_come_while_it_plays_and_are_followed(run: tuple[Play, FirstItems]) -> None:
    play, recommender = run
    added = STORE.items(np.array(recommender.added)).added_day
    assert len(added) > 0
    assert (added > SHAPE.days).all()
    assert play.catalogue == int((STORE.items(STORE.all_items).added_day <= SHAPE.days).sum()) + len(added)
    hours = by_item_hours(play.visits, play.outcomes[SERVER])
    assert sum(row.shown for row in hours) > 0
    assert all(0 <= row.share <= 0.1 for row in hours), "one place in ten at most"


def test_new_users_are_followed_from_their_first_visit(run: tuple[Play, FirstItems]) -> None:
    play, _ = run
    found = by_known_events(play.visits, play.outcomes[SERVER], play.catalogue)
    assert list(found) == ["0", "1 to 2", "3 to 9", "10+"]
    new = [visit for visit in play.visits if visit.known_events >= 0]
    assert sum(summary.lists for summary in found.values()) == len(new)
    assert found["0"].lists > 0


def test_diversity_is_the_share_of_pairs_of_two_categories() -> None:
    assert category_diversity(np.array([1, 1, 1])) == 0
    assert category_diversity(np.array([1, 2, 3])) == 1
    assert category_diversity(np.array([1, 1, 2, 2])) == pytest.approx(1 - 2 / 6)


def test_outcomes_add_up() -> None:
    outcomes = Outcomes()
    items, likely = np.arange(4), np.full(4, 0.25)
    outcomes.add(items, likely, np.array([True, False, False, False]), 1, np.arange(4))
    outcomes.add(items, likely, np.array([True, True, True, False]), 1, np.array([1, 1, 1, 1]))
    found = outcomes.summary(catalogue=8)
    assert found.click_rate.value == 0.5
    assert found.true_click_rate.value == 0.25
    assert found.conversion.value == 0.5
    assert found.coverage == 0.5
    assert found.diversity.value == 0.5
    assert outcomes.summary(8, [True, False]).click_rate.value == 0.25
    assert np.isnan(outcomes.summary(8, [False, False]).click_rate.value)
