"""What was bought comes back where a scenario lets it, by habit and recency."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from server.engine import Engine, EngineParts
from server.features.event_types import EventType, PageType
from server.handlers.messages import Reason, ReasonKind, RecommendCommand, SourceKind
from server.handlers.recommend import RecommendHandler
from server.query import RecommendQuery, ScenarioValues
from server.sources.repeat_source import RepeatSource
from tests.support.recommending import NOW_S, FixedRelease, Shop
from tests.support.stage_contracts import SourceContract

DAY_S = 86_400
HALF_LIFE_DAYS = 100.0
BUYS_AGAIN = ScenarioValues(exclude_bought=False)


class TestRepeatSource(SourceContract):
    def stage(self, shop: Shop) -> RepeatSource:
        return RepeatSource(self.limit, HALF_LIFE_DAYS)

    def query(self, shop: Shop) -> RecommendQuery:
        query = shop.query(RecommendCommand(user_id="ann"), scenario=BUYS_AGAIN)
        for hydrator in shop.engine._recommend.parts.hydrators:
            hydrator.run(query)
        return query

    def scores(self, shop: Shop, user_id: str) -> dict[str, float]:
        query = shop.query(RecommendCommand(user_id=user_id), scenario=BUYS_AGAIN)
        for hydrator in shop.engine._recommend.parts.hydrators:
            hydrator.run(query)
        found = self.stage(shop).run(query)
        return dict(zip(shop.release.item_ids(found.rows.tolist()), found.scores.tolist(), strict=True))

    def test_days_bought_on_count_and_age_takes_away(self, shop: Shop) -> None:
        buy = EventType.PURCHASE
        shop.users.add(
            "bob",
            [
                ("item-0001", buy, 200 * DAY_S),
                ("item-0002", buy, 100 * DAY_S),
                ("item-0003", buy, 90 * DAY_S),
                ("item-0004", EventType.VIEW, DAY_S),
                ("item-0003", buy, 10),
                ("item-0003", buy, 5),
            ],
        )
        expected = {"item-0003": np.log2(3), "item-0002": 0.5, "item-0001": 0.25}
        assert self.scores(shop, "bob") == pytest.approx(expected, rel=1e-3)

    def test_purchase_that_left_the_history_counts_as_its_oldest_event(self, shop: Shop) -> None:
        shop.users.add("bob", [("item-0001", EventType.VIEW, 100 * DAY_S)], bought=["item-0009"])
        assert self.scores(shop, "bob") == pytest.approx({"item-0009": 0.5}, rel=1e-3)

    def test_is_off_where_bought_items_are_left_out(self, shop: Shop) -> None:
        assert not self.stage(shop).enabled(shop.hydrated(RecommendCommand(user_id="ann")))

    def test_is_off_for_items_like_one_item(self, shop: Shop) -> None:
        query = self.query(shop)
        query.own_history = False
        assert not self.stage(shop).enabled(query)

    def test_restriction_is_kept(self, shop: Shop) -> None:
        command = RecommendCommand(user_id="ann", category_ids=["category-01"])
        query = shop.query(command, scenario=BUYS_AGAIN)
        for hydrator in shop.engine._recommend.parts.hydrators:
            hydrator.run(query)
        assert len(self.stage(shop).run(query).rows) == 0


def test_served_list_holds_what_was_bought_and_says_so(shop: Shop) -> None:
    scenarios = {PageType.HOME.name: replace(BUYS_AGAIN, repeat_boost=20)}
    handler = _handler_with(shop, scenarios)
    reply = handler.recommend(RecommendCommand(user_id="ann", page_type=PageType.HOME, num_items=5))
    items = {item.item_id: item for item in reply.items}
    assert items["item-0012"].reason == Reason(ReasonKind.BUY_AGAIN)
    assert SourceKind.REPEAT in items["item-0012"].sources


def _handler_with(shop: Shop, scenarios: dict[str, ScenarioValues]) -> RecommendHandler:
    values = replace(shop.engine.values, scenarios=scenarios)
    engine = Engine(values, EngineParts(users=shop.users, clock=shop.clock))
    return RecommendHandler(engine, FixedRelease(shop.release), now_s=lambda: NOW_S)
