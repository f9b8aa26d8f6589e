"""Places left to chance, and what is written down of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from server.features.event_types import PageType
from server.handlers.messages import RecommendCommand
from server.query import ScenarioValues
from server.rerankers.exploration_selector import explore
from tests.support.recommending import Shop, open_shop

CHOSEN = np.arange(10, dtype=np.int32)
POOL = np.arange(100, 130, dtype=np.int32)


def test_the_same_recommendation_id_gives_the_same_list() -> None:
    first, again, other = (explore(CHOSEN, POOL, 0.5, name)[0].tolist() for name in ("a1", "a1", "a2"))
    assert first == again
    assert first != other


def test_propensities_are_the_frequencies_of_what_is_shown() -> None:
    draws = 20_000
    shown = np.zeros((len(CHOSEN), 200))
    for number in range(draws):
        items, propensities = explore(CHOSEN, POOL, 0.2, f"{number:032x}")
        shown[np.arange(len(CHOSEN)), items] += 1
        assert len(set(items.tolist())) == len(CHOSEN)
        assert np.allclose(propensities, np.where(items < 100, 0.8, 0.2 / 30))
    assert shown[np.arange(10), CHOSEN] / draws == pytest.approx(np.full(10, 0.8), abs=0.015)
    assert shown[:, 100:130].mean() / draws == pytest.approx(0.2 / 30, rel=0.03)
    assert shown[9, 100:130] / draws == pytest.approx(np.full(30, 0.2 / 30), abs=0.0035)


def test_a_small_pool_leaves_the_last_places_alone() -> None:
    for number in range(200):
        items, propensities = explore(CHOSEN, POOL[:2], 0.5, str(number))
        assert items[2:].tolist() == CHOSEN[2:].tolist()
        assert propensities[2:].tolist() == [1.0] * 8
    items, propensities = explore(CHOSEN, POOL[:0], 0.5, "1")
    assert items.tolist() == CHOSEN.tolist()
    assert propensities.tolist() == [1.0] * 10


def exploring(folder: Path, share: float, **other: float) -> Shop:
    values = replace(ScenarioValues(), exploration_share=share, **other)
    return open_shop(folder, scenarios={PageType.HOME.name: values})


def test_nothing_is_left_to_chance_unless_a_scenario_says_so(shop: Shop) -> None:
    replies = [shop.handler.recommend(RecommendCommand(user_id="ann", num_items=10)) for _ in range(3)]
    assert len({tuple(item.item_id for item in reply.items) for reply in replies}) == 1
    assert all(entry.propensities == () for entry in shop.logged)


def test_the_log_holds_a_propensity_for_each_item_shown(shop: Shop, tmp_path: Path) -> None:
    explorer = exploring(tmp_path, 0.3)
    plain = [
        item.item_id for item in shop.handler.recommend(RecommendCommand(user_id="bob", num_items=10)).items
    ]
    by_chance = 0
    for _ in range(30):
        explorer.handler.recommend(RecommendCommand(user_id="bob", num_items=10))
    for entry in explorer.logged:
        assert len(entry.propensities) == len(entry.item_ids) == 10
        for place, (item_id, propensity) in enumerate(zip(entry.item_ids, entry.propensities, strict=True)):
            if item_id == plain[place]:
                assert propensity == pytest.approx(0.7)
            else:
                assert propensity < 0.3 / 10
                by_chance += 1
    assert by_chance / 300 == pytest.approx(0.3, abs=0.09)


def test_chance_shows_young_items_only_where_there_is_an_age(tmp_path: Path) -> None:
    explorer = exploring(tmp_path, 0.5, exploration_age_days=0.001)
    explorer.handler.recommend(RecommendCommand(user_id="bob", num_items=10))
    assert list(explorer.logged[0].propensities) == [1.0] * 10
