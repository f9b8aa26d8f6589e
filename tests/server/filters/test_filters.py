"""One class a filter: each inherits the contract and says what must be dropped."""

from __future__ import annotations

from server.features.event_types import EventType
from server.filters.availability_filter import AvailabilityFilter
from server.filters.bought_filter import BoughtFilter
from server.filters.category_filter import CategoryFilter
from server.filters.context_item_filter import ContextItemFilter
from server.filters.excluded_filter import ExcludedFilter
from server.filters.expired_filter import ExpiredFilter
from server.filters.hidden_by_user_filter import HiddenByUserFilter
from server.handlers.messages import RecommendCommand, SessionEvent
from server.query import RecommendQuery, ScenarioValues
from server.releases.format import ItemFlag
from tests.support.recommending import NOW_S, Shop
from tests.support.stage_contracts import FilterContract


class TestExcludedFilter(FilterContract):
    def stage(self, shop: Shop) -> ExcludedFilter:
        return ExcludedFilter()

    def query(self, shop: Shop) -> RecommendQuery:
        return shop.hydrated(
            RecommendCommand(excluded_item_ids=["item-0001", "unknown", "item-0003", "item-0001"])
        )

    def dropped(self, shop: Shop) -> set[str]:
        return {"item-0001", "item-0003"}

    def test_is_skipped_when_nothing_known_is_excluded(self, shop: Shop) -> None:
        assert not ExcludedFilter().enabled(shop.hydrated(RecommendCommand(excluded_item_ids=["unknown"])))


class TestBoughtFilter(FilterContract):
    def stage(self, shop: Shop) -> BoughtFilter:
        return BoughtFilter()

    def query(self, shop: Shop) -> RecommendQuery:
        now = SessionEvent("item-0005", EventType.PURCHASE, NOW_S)
        return shop.hydrated(RecommendCommand(user_id="ann", session_events=[now]))

    def dropped(self, shop: Shop) -> set[str]:
        return {"item-0012", "item-0005"}

    def test_scenario_may_turn_it_off(self, shop: Shop) -> None:
        query = self.query(shop)
        query.scenario = ScenarioValues(exclude_bought=False)
        assert not BoughtFilter().enabled(query)


class TestHiddenByUserFilter(FilterContract):
    def stage(self, shop: Shop) -> HiddenByUserFilter:
        return HiddenByUserFilter()

    def query(self, shop: Shop) -> RecommendQuery:
        now = SessionEvent("item-0005", EventType.HIDE, NOW_S)
        return shop.hydrated(RecommendCommand(user_id="ann", session_events=[now]))

    def dropped(self, shop: Shop) -> set[str]:
        return {"item-0022", "item-0005"}


class TestContextItemFilter(FilterContract):
    def stage(self, shop: Shop) -> ContextItemFilter:
        return ContextItemFilter()

    def query(self, shop: Shop) -> RecommendQuery:
        return shop.hydrated(RecommendCommand(context_item_ids=["item-0009", "item-0002", "unknown"]))

    def dropped(self, shop: Shop) -> set[str]:
        return {"item-0009", "item-0002"}

    def test_scenario_may_turn_it_off(self, shop: Shop) -> None:
        query = self.query(shop)
        query.scenario = ScenarioValues(exclude_context_items=False)
        assert not ContextItemFilter().enabled(query)


class TestAvailabilityFilter(FilterContract):
    def stage(self, shop: Shop) -> AvailabilityFilter:
        return AvailabilityFilter()

    def query(self, shop: Shop) -> RecommendQuery:
        flags = shop.release.arrays.flags
        flags[shop.row("item-0001")] &= ~ItemFlag.IN_STOCK
        flags[shop.row("item-0002")] |= ItemFlag.HIDDEN
        flags[shop.row("item-0003")] |= ItemFlag.VACANT
        flags[shop.row("item-0004")] |= ItemFlag.PROMOTED
        return shop.hydrated()

    def dropped(self, shop: Shop) -> set[str]:
        return {"item-0001", "item-0002", "item-0003"}


class TestExpiredFilter(FilterContract):
    def stage(self, shop: Shop) -> ExpiredFilter:
        return ExpiredFilter()

    def query(self, shop: Shop) -> RecommendQuery:
        expires = shop.release.arrays.expire_time_s
        expires[shop.row("item-0001")] = NOW_S
        expires[shop.row("item-0002")] = NOW_S + 1
        return shop.hydrated()

    def dropped(self, shop: Shop) -> set[str]:
        return {"item-0001"}


class TestCategoryFilter(FilterContract):
    def stage(self, shop: Shop) -> CategoryFilter:
        return CategoryFilter()

    def query(self, shop: Shop) -> RecommendQuery:
        return shop.hydrated(RecommendCommand(category_ids=["category-01", "category-03", "unknown"]))

    def dropped(self, shop: Shop) -> set[str]:
        wanted = {*shop.small.ids_of_category("category-01"), *shop.small.ids_of_category("category-03")}
        return set(shop.small.item_ids) - wanted

    def test_unknown_categories_hold_nothing(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(category_ids=["unknown"]))
        assert not self.run(CategoryFilter(), query, shop).any()

    def test_is_skipped_when_the_request_names_none(self, shop: Shop) -> None:
        assert not CategoryFilter().enabled(shop.hydrated())
