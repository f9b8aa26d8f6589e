"""One class a hydrator: each inherits the contract and says what it must find."""

from __future__ import annotations

import numpy as np
import pytest

from server.errors import StoreUnavailable
from server.features.declarations import HISTORY_EVENTS_MAX, VECTOR_DIMS
from server.features.encoding import USER_WIDTH
from server.features.event_types import DeviceType, EventType, PageType
from server.handlers.messages import RecommendCommand, RequestContext, SessionEvent
from server.hydrators.context_hydrator import ContextHydrator
from server.hydrators.history_hydrator import HistoryHydrator
from server.hydrators.remembered_user_hydrator import RememberedUserHydrator
from server.hydrators.request_items_hydrator import RequestItemsHydrator
from server.hydrators.unwanted_items_hydrator import UnwantedItemsHydrator
from server.hydrators.user_features_hydrator import UserFeaturesHydrator
from server.hydrators.user_record_hydrator import UserRecordHydrator
from server.hydrators.user_vector_hydrator import UserVectorHydrator
from server.inference.local_model import LocalUserTower
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.degradation import DegradedReason
from server.pipeline.remembered import RememberedRanking
from server.query import History, RecommendQuery, ScenarioValues
from tests.support.recommending import NOW_S, Shop
from tests.support.small_release import forward
from tests.support.stage_contracts import HydratorContract

DAY_S = 86_400


class TestRequestItemsHydrator(HydratorContract):
    def stage(self, shop: Shop) -> RequestItemsHydrator:
        return RequestItemsHydrator()

    def test_resolves_ids_and_names_the_unknown(self, shop: Shop) -> None:
        command = RecommendCommand(
            context_item_ids=["item-0009", "who", "item-0009", "item-0001"],
            excluded_item_ids=["item-0150", "gone", "item-0000"],
            category_ids=["category-03", "category-01", "none"],
        )
        items = shop.hydrated(command).items
        assert items is not None
        assert shop.release.item_ids(items.context_rows) == ["item-0009", "item-0001"]
        assert items.excluded_rows.tolist() == sorted([shop.row("item-0150"), shop.row("item-0000")])
        assert items.category_codes.tolist() == [1, 3]
        assert items.missing_item_ids == ["who"]


class TestUserRecordHydrator(HydratorContract):
    def stage(self, shop: Shop) -> UserRecordHydrator:
        return UserRecordHydrator(shop.users)

    def test_unknown_user_is_no_failure(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(user_id="nobody"))
        assert query.record is None
        assert query.degraded == []

    def test_store_is_not_asked_for_a_nameless_request(self, shop: Shop) -> None:
        shop.users.error = StoreUnavailable("down")
        assert shop.hydrated().degraded == []

    def test_store_that_fails_leaves_features_missing(self, shop: Shop) -> None:
        shop.users.error = StoreUnavailable("down")
        assert shop.hydrated(RecommendCommand(user_id="ann")).degraded == [DegradedReason.FEATURES_MISSING]


class TestRememberedUserHydrator(HydratorContract):
    def stage(self, shop: Shop) -> RememberedUserHydrator:
        return RememberedUserHydrator(2, 60)

    def query(self, shop: Shop) -> RecommendQuery:
        return shop.hydrated(RecommendCommand(user_id="ann"))

    def test_the_next_request_of_a_user_gets_what_the_last_one_has_left(self, shop: Shop) -> None:
        stage = self.stage(shop)
        first, second = self.query(shop), self.query(shop)
        place = stage.hydrate(first)
        assert stage.hydrate(second) is place
        assert (stage.hits, stage.misses) == (0, 2), "nothing is there yet"
        place.ranking = RememberedRanking((), (), CandidateBatch.empty(0), CandidateBatch.empty(0), "")
        assert stage.hydrate(second) is place
        assert (stage.hits, stage.misses) == (1, 2)

    @pytest.mark.parametrize(
        "other",
        [
            RecommendCommand(user_id="ann", page_type=PageType.CART),
            RecommendCommand(user_id="ann", context=RequestContext(DeviceType.MOBILE)),
            RecommendCommand(user_id="ann", context=RequestContext(local_hour=3)),
            RecommendCommand(user_id="ann", scenario="CART"),
        ],
        ids=["page", "device", "hour", "scenario"],
    )
    def test_another_context_gets_an_entry_of_its_own(self, shop: Shop, other: RecommendCommand) -> None:
        stage = self.stage(shop)
        entry = stage.hydrate(self.query(shop))
        assert stage.hydrate(shop.hydrated(other)) is not entry

    def test_an_event_ends_what_was_remembered(self, shop: Shop) -> None:
        stage = self.stage(shop)
        entry = stage.hydrate(self.query(shop))
        shop.users.add("ann", [("item-0001", EventType.VIEW, 0)])
        assert stage.hydrate(self.query(shop)) is not entry

    def test_what_is_cut_short_under_load_is_used_once(self, shop: Shop) -> None:
        stage = self.stage(shop)
        hasty = self.query(shop)
        hasty.quality = 0.5
        cut = stage.hydrate(hasty)
        whole = stage.hydrate(self.query(shop))
        assert whole is not cut
        assert stage.hydrate(hasty) is whole

    def test_nothing_is_remembered_past_its_age(self, shop: Shop) -> None:
        stage = RememberedUserHydrator(2, 0.0)
        assert stage.hydrate(self.query(shop)) is not stage.hydrate(self.query(shop))

    def test_those_not_asked_for_longest_are_forgotten(self, shop: Shop) -> None:
        stage = self.stage(shop)
        for name in ("a", "b", "c"):
            shop.users.add(name, [("item-0001", EventType.VIEW, 0)])
        queries = {name: shop.hydrated(RecommendCommand(user_id=name)) for name in ("a", "b", "c")}
        entries = {name: stage.hydrate(queries[name]) for name in ("a", "b")}
        assert stage.hydrate(queries["a"]) is entries["a"]
        stage.hydrate(queries["c"])
        assert stage.hydrate(queries["a"]) is entries["a"]
        assert stage.hydrate(queries["b"]) is not entries["b"]

    @pytest.mark.parametrize(
        "command",
        [
            RecommendCommand(user_id="ann", context_item_ids=["item-0001"]),
            RecommendCommand(user_id="ann", excluded_item_ids=["item-0001"]),
            RecommendCommand(user_id="ann", category_ids=["category-01"]),
            RecommendCommand(
                user_id="ann", session_events=[SessionEvent("item-0001", EventType.VIEW, NOW_S)]
            ),
            RecommendCommand(user_id="nobody"),
            RecommendCommand(user_id="ann", explain=True),
        ],
        ids=["context items", "exclusions", "categories", "session", "unknown user", "explained"],
    )
    def test_requests_with_something_of_their_own_share_nothing(
        self, shop: Shop, command: RecommendCommand
    ) -> None:
        assert not self.stage(shop).enabled(shop.hydrated(command))


class TestHistoryHydrator(HydratorContract):
    def stage(self, shop: Shop) -> HistoryHydrator:
        return HistoryHydrator(60)

    def history(self, shop: Shop, command: RecommendCommand) -> History:
        query = shop.hydrated(command)
        assert query.history is not None
        return query.history

    def test_events_of_the_record_become_rows(self, shop: Shop) -> None:
        history = self.history(shop, RecommendCommand(user_id="ann"))
        assert shop.release.item_ids(history.rows) == ["item-0007", "item-0012"]
        assert history.bought_rows.tolist() == [shop.row("item-0012")]
        assert history.hidden_rows.tolist() == [shop.row("item-0022")]
        assert history.returning

    def test_an_item_weighs_what_its_strongest_event_does(self, shop: Shop) -> None:
        events = [
            ("item-0001", EventType.VIEW, 120 * DAY_S),
            ("item-0001", EventType.VIEW, 60 * DAY_S),
            ("item-0002", EventType.PURCHASE, 0),
        ]
        shop.users.add("bea", events)
        history = self.history(shop, RecommendCommand(user_id="bea"))
        assert shop.release.item_ids(history.item_rows) == ["item-0001", "item-0002"]
        weight, bought = history.item_weights.tolist()
        assert bought == 5
        assert 0 < weight < 1, "younger view, halved for its age"

    def test_session_events_are_merged_by_time(self, shop: Shop) -> None:
        session = [
            SessionEvent("item-0003", EventType.CLICK, NOW_S - 10),
            SessionEvent("item-0004", EventType.CLICK, NOW_S - 5_000),
            SessionEvent("item-0005", EventType.IMPRESSION, NOW_S),
        ]
        history = self.history(shop, RecommendCommand(user_id="ann", session_events=session))
        assert shop.release.item_ids(history.rows) == ["item-0007", "item-0004", "item-0012", "item-0003"]

    def test_event_times_in_the_future_count_as_now(self, shop: Shop) -> None:
        session = [SessionEvent("item-0003", EventType.CLICK, NOW_S + 50)]
        history = self.history(shop, RecommendCommand(session_events=session))
        assert history.times_s.tolist() == [NOW_S]
        assert history.item_weights.tolist() == [1]

    def test_context_items_are_the_newest_events_but_make_no_returning_user(self, shop: Shop) -> None:
        history = self.history(
            shop, RecommendCommand(context_item_ids=["item-0009"], page_type=PageType.CART)
        )
        assert shop.release.item_ids(history.rows) == ["item-0009"]
        assert history.types.tolist() == [EventType.ADD_TO_CART]
        assert not history.returning

    def test_items_unknown_to_the_release_keep_their_place_without_a_row(self, shop: Shop) -> None:
        shop.users.add("cat", [("gone", EventType.VIEW, 60), ("item-0001", EventType.VIEW, 30)])
        history = self.history(shop, RecommendCommand(user_id="cat"))
        assert history.rows.tolist() == [-1, shop.row("item-0001")]
        assert history.item_rows.tolist() == [shop.row("item-0001")]

    def test_length_is_limited_to_the_latest(self, shop: Shop) -> None:
        events = [(f"item-{n % 200:04d}", EventType.VIEW, 1_000 - n) for n in range(HISTORY_EVENTS_MAX)]
        shop.users.add("max", events)
        history = self.history(shop, RecommendCommand(user_id="max", context_item_ids=["item-0199"]))
        assert len(history.rows) == HISTORY_EVENTS_MAX
        assert history.rows[-1] == shop.row("item-0199")

    def test_similar_items_leave_the_users_own_history_out(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(user_id="ann"))
        query.own_history = False
        self.run(self.stage(shop), query, shop)
        assert query.history is not None
        assert not query.personal
        assert len(query.history.bought_rows) == 1


class TestContextHydrator(HydratorContract):
    def stage(self, shop: Shop) -> ContextHydrator:
        return ContextHydrator()

    def test_takes_the_callers_time_and_device(self, shop: Shop) -> None:
        local = RequestContext(DeviceType.MOBILE, "ios", local_hour=7, local_weekday=6)
        context = shop.hydrated(RecommendCommand(context=local, page_type=PageType.CART)).context
        assert context is not None
        assert (context.is_weekend, context.hour_of_day, context.device_mobile) == (1, 7, 1)
        assert context.page_type == PageType.CART

    @pytest.mark.parametrize(
        ("now_s", "weekend", "hour"),
        [(0, 0, 0), (2 * DAY_S + 7_200, 1, 2), (4 * DAY_S - 1, 1, 23), (4 * DAY_S, 0, 0)],
    )
    def test_else_utc(self, shop: Shop, now_s: int, weekend: float, hour: float) -> None:
        context = ContextHydrator().hydrate(shop.query(now_s=now_s))  # 1970-01-01 was a Thursday.
        assert (context.is_weekend, context.hour_of_day) == (weekend, hour)


class TestUserFeaturesHydrator(HydratorContract):
    def stage(self, shop: Shop) -> UserFeaturesHydrator:
        return UserFeaturesHydrator()

    def test_summarises_the_history(self, shop: Shop) -> None:
        user = shop.hydrated(RecommendCommand(user_id="ann")).user
        assert user is not None
        assert user.summary.preferred_categories.tolist() == [2, -1, -1]
        assert user.summary.counters[:2].tolist() == [1, 1]
        assert user.tower_input.shape == (1, USER_WIDTH)

    def test_event_of_this_very_second_counts(self, shop: Shop) -> None:
        shop.users.add("now", [("item-0001", EventType.VIEW, 0)])
        user = shop.hydrated(RecommendCommand(user_id="now")).user
        assert user is not None
        assert user.summary.counters[0] == 1

    def test_is_off_for_a_user_of_whom_nothing_is_known(self, shop: Shop) -> None:
        assert not UserFeaturesHydrator().enabled(shop.hydrated(RecommendCommand(user_id="nobody")))


class TestUserVectorHydrator(HydratorContract):
    def stage(self, shop: Shop) -> UserVectorHydrator:
        return UserVectorHydrator(LocalUserTower())

    def query(self, shop: Shop) -> RecommendQuery:
        return shop.hydrated(RecommendCommand(user_id="ann"))

    def test_is_the_towers_output(self, shop: Shop) -> None:
        query = self.query(shop)
        assert query.user is not None
        expected = forward(query.user.tower_input, shop.release.weights, "user")[0]
        assert expected.shape == (VECTOR_DIMS,)
        np.testing.assert_allclose(query.user_vector, expected, atol=1e-5)


class TestUnwantedItemsHydrator(HydratorContract):
    def stage(self, shop: Shop) -> UnwantedItemsHydrator:
        return UnwantedItemsHydrator()

    def test_joins_excluded_bought_and_hidden_items(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(user_id="ann", excluded_item_ids=["item-0003", "item-0012"]))
        unwanted = ["item-0003", "item-0012", "item-0022"]
        assert query.unwanted_rows.tolist() == sorted(shop.row(item_id) for item_id in unwanted)

    def test_bought_items_are_wanted_where_the_scenario_shows_them(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(user_id="ann"))
        query.scenario = ScenarioValues(exclude_bought=False)
        assert self.stage(shop).hydrate(query).tolist() == [shop.row("item-0022")]

    def test_nothing_is_unwanted_by_default(self, shop: Shop) -> None:
        assert len(shop.hydrated().unwanted_rows) == 0
