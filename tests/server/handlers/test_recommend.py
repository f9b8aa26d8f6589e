"""The use cases of recommendation over a small release, and each step of the fallback ladder."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from server.engine import Engine, EngineParts
from server.errors import ContractBroken, InvalidRequest, NotFound, ShortlistError, StoreUnavailable
from server.features.declarations import CROSS_FEATURES
from server.features.event_types import EventType, PageType
from server.filters.availability_filter import AvailabilityFilter
from server.handlers.messages import (
    DegradedReason,
    RankCommand,
    Reason,
    ReasonKind,
    RecommendCommand,
    RecommendReply,
    ServedBy,
    SessionEvent,
    SourceKind,
)
from server.handlers.recommend import RecommendHandler, new_recommendation_id
from server.inference.local_model import LocalUserTower
from server.pipeline.degradation import StageFailed
from server.query import ScenarioValues
from server.releases.format import ItemFlag
from server.releases.overlay import Overlay
from server.scorers.cross_feature_assembler import CrossFeatureAssembler
from server.sources.backfill_source import BackfillSource
from server.sources.collaborative_source import CollaborativeSource
from server.sources.context_neighbours_source import ContextNeighboursSource
from server.sources.embedding_source import EmbeddingSource
from server.sources.popularity_source import PopularitySource
from server.stores.protocols import ItemChange
from tests.support.recommending import NOW_S, FixedRelease, Shop, shop_over
from tests.support.recommending import shop as shop

ANN = RecommendCommand(user_id="ann")


def ids(reply: RecommendReply) -> list[str]:
    return [item.item_id for item in reply.items]


def fail_with(error: Exception) -> Callable[..., object]:
    def fail(*args: object, **values: object) -> object:
        raise error

    return fail


class BrokenScorer:
    """A model that cannot be asked."""

    def score(self, *args: object) -> np.ndarray:
        raise OSError("gone")


class TestRecommend:
    def test_known_user_is_served_by_the_model(self, shop: Shop) -> None:
        reply = shop.handler.recommend(ANN)
        assert len(reply.items) == 20
        assert reply.served_by is ServedBy.LOCAL_MODEL
        assert reply.degraded_reasons == ()
        assert reply.short_reason == ""
        assert (reply.release_version, reply.model_version, reply.scenario) == ("r1", "model-r1", "HOME")
        assert reply.stages == ()

    def test_taste_shows_in_the_list(self, shop: Shop) -> None:
        liked = set(shop.small.ids_of_category("category-02"))
        assert len(liked & set(ids(shop.handler.recommend(ANN))[:6])) >= 3

    def test_unknown_user_is_served_what_is_popular_and_that_is_no_fault(self, shop: Shop) -> None:
        reply = shop.handler.recommend(RecommendCommand(user_id="nobody"))
        assert reply.served_by is ServedBy.POPULARITY
        assert reply.degraded_reasons == ()
        assert ids(reply)[0] == "item-0000"
        assert {item.reason.kind for item in reply.items if item.reason} == {ReasonKind.POPULAR}

    def test_unknown_user_gets_the_popular_items_of_the_wanted_category(self, shop: Shop) -> None:
        reply = shop.handler.recommend(RecommendCommand(category_ids=["category-03"], num_items=3))
        assert ids(reply) == ["item-0003", "item-0008", "item-0013"]
        assert [item.reason.kind for item in reply.items if item.reason] == [
            ReasonKind.POPULAR_IN_CATEGORY
        ] * 3

    def test_anonymous_session_is_served_from_the_events_it_carries(self, shop: Shop) -> None:
        event = SessionEvent("item-0004", EventType.VIEW, NOW_S - 5)
        reply = shop.handler.recommend(RecommendCommand(session_id="s", session_events=[event]))
        assert reply.served_by is ServedBy.LOCAL_MODEL
        assert set(ids(reply)[:3]) & set(shop.small.ids_of_category("category-04"))

    def test_events_change_the_next_answer(self, shop: Shop) -> None:
        before = ids(shop.handler.recommend(ANN))
        events = [("item-0007", EventType.VIEW, 7_200), (before[0], EventType.PURCHASE, 5)]
        shop.users.add("ann", [*events, ("item-0003", EventType.ADD_TO_CART, 1)])
        after = ids(shop.handler.recommend(ANN))
        assert before[0] not in after
        category = set(shop.small.ids_of_category("category-03"))
        assert len(category & set(after)) > len(category & set(before))

    def test_reasons_name_the_item_that_led_there(self, shop: Shop) -> None:
        reasons = {item.item_id: item.reason for item in shop.handler.recommend(ANN).items}
        assert reasons["item-0002"] is not None
        assert reasons["item-0002"].kind is ReasonKind.SIMILAR_TO_HISTORY
        assert reasons["item-0002"].related_item_id in {"item-0007", "item-0012"}

    def test_page_about_an_item_shows_what_is_like_it(self, shop: Shop) -> None:
        command = replace(
            ANN, page_type=PageType.ITEM_DETAIL, context_item_ids=["item-0001", "who"], num_items=5
        )
        reply = shop.handler.recommend(command)
        assert reply.missing_item_ids == ["who"]
        assert "item-0001" not in ids(reply)
        assert set(ids(reply)[:3]) <= set(shop.small.ids_of_category("category-01"))
        assert reply.items[0].reason is not None
        assert reply.items[0].reason.kind is ReasonKind.SIMILAR_TO_CONTEXT
        assert reply.items[0].reason.related_item_id == "item-0001"
        assert SourceKind.CONTEXT_NEIGHBOURS in reply.items[0].sources

    def test_explained_reply_shows_the_funnel_and_the_values(self, shop: Shop) -> None:
        reply = shop.handler.recommend(replace(ANN, explain=True))
        kinds = list(dict.fromkeys(stage.kind for stage in reply.stages))
        assert kinds == [
            "query_hydrator", "source", "merger", "filter", "feature_assembler", "scorer", "selector", "reranker",
        ]  # fmt: skip
        bought = next(stage for stage in reply.stages if stage.stage == "BoughtFilter")
        assert bought.candidates_in - bought.candidates_out == 1
        assert set(reply.items[0].features) == set(CROSS_FEATURES)
        assert set(reply.items[0].source_scores) >= {"collaborative", "embedding", "popularity"}

    def test_explaining_changes_nothing(self, shop: Shop) -> None:
        assert ids(shop.handler.recommend(replace(ANN, explain=True))) == ids(shop.handler.recommend(ANN))

    def test_scenario_has_its_own_knobs(self, shop: Shop) -> None:
        named = shop_over(shop.small, shop.release, {"plain": ScenarioValues(mmr_weight=0, category_cap=0)})
        named.users.records = shop.users.records
        reply = named.handler.recommend(replace(ANN, scenario="plain"))
        assert reply.scenario == "plain"
        scores = [item.score for item in reply.items]
        assert scores == sorted(scores, reverse=True)

    def test_page_types_have_default_scenarios(self, shop: Shop) -> None:
        for page in PageType:
            reply = shop.handler.recommend(replace(ANN, page_type=page))
            assert reply.scenario == (page.name if page else "HOME")

    def test_unknown_scenario_is_the_callers_mistake(self, shop: Shop) -> None:
        with pytest.raises(InvalidRequest) as raised:
            shop.handler.recommend(replace(ANN, scenario="nope"))
        assert raised.value.reason == "UNKNOWN_SCENARIO"

    def test_boost_orders_and_the_reply_shows_the_models_score(self, shop: Shop) -> None:
        plain = {item.item_id: item.score for item in shop.handler.recommend(ANN).items}
        last = list(plain)[-1]
        shop.release.arrays.flags[shop.row(last)] |= ItemFlag.PROMOTED
        boosted = shop.handler.recommend(ANN)
        assert ids(boosted).index(last) < len(plain) - 1
        assert {item.item_id: item.score for item in boosted.items}[last] == plain[last]

    def test_batch_is_each_of_its_commands_answered(self, shop: Shop) -> None:
        commands = [ANN, RecommendCommand(user_id="nobody", num_items=3)]
        batch = [ids(reply) for reply in shop.handler.batch(commands)]
        assert batch == [ids(shop.handler.recommend(command)) for command in commands]

    def test_a_batch_names_the_request_that_is_wrong_and_answers_none(self, shop: Shop) -> None:
        commands = [ANN, RecommendCommand(user_id="nobody", scenario="no-such-scenario")]
        with pytest.raises(InvalidRequest) as refused:
            shop.handler.batch(commands)
        assert [violation.field for violation in refused.value.violations] == ["requests[1].scenario"]

    def test_blend_is_the_order_before_the_ranker(self, shop: Shop) -> None:
        blended = shop.handler.blend(ANN)
        assert len(blended) > 40
        assert "item-0012" not in blended
        assert set(ids(shop.handler.recommend(ANN))) <= set(blended)


class TestShortLists:
    @pytest.mark.parametrize(
        ("command", "count", "reason"),
        [
            (RecommendCommand(category_ids=["category-01"], num_items=100), 40, "CATEGORY_EXHAUSTED"),
            (RecommendCommand(category_ids=["unknown"]), 0, "CATEGORY_UNKNOWN"),
            (RecommendCommand(user_id="ann", num_items=200), 198, "EXCLUSIONS"),
        ],
    )
    def test_say_why(self, shop: Shop, command: RecommendCommand, count: int, reason: str) -> None:
        reply = shop.handler.recommend(command)
        assert (len(reply.items), reply.short_reason) == (count, reason)

    def test_small_shop_is_exhausted(self, shop: Shop) -> None:
        shop.release.arrays.flags[50:] = 0
        reply = shop.handler.recommend(RecommendCommand(num_items=100))
        assert (len(reply.items), reply.short_reason) == (50, "CATALOG_EXHAUSTED")

    def test_many_exclusions_do_not_starve_a_list(self, shop: Shop) -> None:
        excluded = shop.small.item_ids[:170]
        reply = shop.handler.recommend(replace(ANN, excluded_item_ids=excluded))
        assert len(reply.items) == 20
        assert not set(ids(reply)) & set(excluded)

    def test_category_far_from_the_users_taste_does_not_starve(self, shop: Shop) -> None:
        reply = shop.handler.recommend(replace(ANN, category_ids=["category-04"], num_items=40))
        assert sorted(ids(reply)) == sorted(shop.small.ids_of_category("category-04"))


class TestFallbacks:
    def test_scorer_that_fails_leaves_the_retrieval_scores(self, shop: Shop) -> None:
        broken = shop_over(shop.small, shop.release, scorer=BrokenScorer())
        broken.users.records = shop.users.records
        reply = broken.handler.recommend(ANN)
        assert reply.served_by is ServedBy.RETRIEVAL_SCORES
        assert reply.degraded_reasons == (DegradedReason.SCORER_UNAVAILABLE,)
        assert len(reply.items) == 20
        assert broken.engine.failures.counts == {("TwoTowerScorer", "OSError"): 1}

    def test_assembler_that_fails_is_named_once(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(CrossFeatureAssembler, "assemble", fail_with(OSError()))
        reply = shop.handler.recommend(ANN)
        assert reply.served_by is ServedBy.RETRIEVAL_SCORES
        assert reply.degraded_reasons == (DegradedReason.SCORER_UNAVAILABLE,)

    @pytest.mark.parametrize("source", [CollaborativeSource, EmbeddingSource, PopularitySource])
    def test_source_that_fails_leaves_a_full_list(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, source: type
    ) -> None:
        monkeypatch.setattr(source, "retrieve", fail_with(OSError()))
        reply = shop.handler.recommend(ANN)
        assert reply.degraded_reasons == (DegradedReason.SOURCE_FAILED,)
        assert len(reply.items) == 20
        assert reply.served_by is ServedBy.LOCAL_MODEL

    def test_all_sources_failing_still_fills_the_list(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for source in (CollaborativeSource, EmbeddingSource, PopularitySource, ContextNeighboursSource):
            monkeypatch.setattr(source, "retrieve", fail_with(OSError()))
        assert len(shop.handler.recommend(ANN).items) == 20

    def test_store_that_fails_serves_the_user_as_unknown(self, shop: Shop) -> None:
        shop.users.error = StoreUnavailable("down")
        reply = shop.handler.recommend(ANN)
        assert reply.served_by is ServedBy.POPULARITY
        assert reply.degraded_reasons == (DegradedReason.FEATURES_MISSING,)
        assert len(reply.items) == 20

    def test_user_tower_that_fails_leaves_the_neighbours(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(LocalUserTower, "user_vector", fail_with(OSError()))
        reply = shop.handler.recommend(ANN)
        assert reply.served_by is ServedBy.RETRIEVAL_SCORES
        assert reply.degraded_reasons == (DegradedReason.SCORER_UNAVAILABLE,)
        assert set(ids(reply)[:3]) <= set(shop.small.ids_of_category("category-02"))

    def test_no_time_at_all_serves_what_is_popular(self, shop: Shop) -> None:
        shop.release.arrays.flags[shop.row("item-0001")] |= ItemFlag.HIDDEN
        command = replace(ANN, deadline_s=shop.clock.now_s, excluded_item_ids=["item-0000"])
        reply = shop.handler.recommend(command)
        assert reply.served_by is ServedBy.POPULARITY
        assert reply.degraded_reasons == (DegradedReason.DEADLINE,)
        assert ids(reply)[:10] == [f"item-{number:04d}" for number in range(2, 12)]
        assert len(reply.items) == 20

    def test_fallback_leaves_bought_items_out(self, shop: Shop) -> None:
        reply = shop.handler.recommend(replace(ANN, deadline_s=shop.clock.now_s, num_items=30))
        assert not {"item-0012", "item-0022"} & set(ids(reply))
        assert "item-0013" in ids(reply)

    def test_fallback_does_not_ask_a_store_elsewhere(self, shop: Shop) -> None:
        shop.users.error = AssertionError("asked")
        engine = Engine(shop.engine.values, EngineParts(shop.users, users_in_process=False, clock=shop.clock))
        handler = RecommendHandler(engine, FixedRelease(shop.release), now_s=lambda: NOW_S)
        reply = handler.recommend(replace(ANN, deadline_s=shop.clock.now_s))
        assert reply.degraded_reasons == (DegradedReason.DEADLINE,)

    def test_filter_that_fails_once_falls_back_to_what_is_popular(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep, calls = AvailabilityFilter.keep, []

        def fail_once(*args: object) -> object:
            calls.append(1)
            if len(calls) == 1:
                raise OSError
            return keep(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(AvailabilityFilter, "keep", fail_once)
        reply = shop.handler.recommend(ANN)
        assert reply.served_by is ServedBy.POPULARITY
        assert reply.degraded_reasons == (DegradedReason.INTERNAL,)
        assert len(reply.items) == 20
        assert "item-0012" not in ids(reply)  # Bought: known before the failure.

    def test_filter_is_never_left_out(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(AvailabilityFilter, "keep", fail_with(OSError()))
        with pytest.raises(ShortlistError, match="AvailabilityFilter"):
            shop.handler.recommend(ANN)

    def test_broken_contract_is_loud(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(AvailabilityFilter, "keep", lambda self, query, batch: np.ones(1, np.bool_))
        with pytest.raises(ContractBroken, match="AvailabilityFilter"):
            shop.handler.recommend(ANN)

    def test_evaluation_does_not_measure_a_fallback(self, shop: Shop) -> None:
        with pytest.raises(StageFailed):
            shop.handler.blend(replace(ANN, deadline_s=shop.clock.now_s))

    def test_backfill_is_not_needed_for_an_ordinary_request(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(BackfillSource, "retrieve", fail_with(OSError()))
        assert shop.handler.recommend(ANN).degraded_reasons == ()


class TestSimilar:
    def test_items_are_like_the_item(self, shop: Shop) -> None:
        reply = shop.handler.similar("item-0003", RecommendCommand(num_items=5))
        assert "item-0003" not in ids(reply)
        assert reply.scenario == "ITEM_DETAIL"
        assert len(set(shop.small.ids_of_category("category-03")) & set(ids(reply))) >= 4

    def test_users_taste_counts_for_nothing_but_bought_items_stay_away(self, shop: Shop) -> None:
        best = ids(shop.handler.similar("item-0002", RecommendCommand()))[0]
        shop.users.add("dan", [("item-0004", EventType.VIEW, 60)], bought=[best])
        own = shop.handler.similar("item-0002", RecommendCommand(user_id="dan"))
        anonymous = shop.handler.similar("item-0002", RecommendCommand(excluded_item_ids=[best]))
        assert ids(own) == ids(anonymous)
        assert best not in ids(own)

    def test_unknown_item_is_not_found(self, shop: Shop) -> None:
        with pytest.raises(NotFound) as raised:
            shop.handler.similar("who", RecommendCommand())
        assert raised.value.reason == "ITEM_NOT_FOUND"


class TestRank:
    def test_nothing_is_dropped_and_the_unknown_come_last(self, shop: Shop) -> None:
        given = ["zz", "item-0003", "item-0012", "aa", "item-0022", "item-0002", "item-0001"]
        reply = shop.handler.rank(RankCommand(given, user_id="ann"))
        assert sorted(ids(reply)) == sorted(given)
        assert ids(reply)[-2:] == ["zz", "aa"]
        assert [item.score for item in reply.items[-2:]] == [0, 0]
        assert reply.missing_item_ids == ["zz", "aa"]
        assert reply.served_by is ServedBy.LOCAL_MODEL

    def test_order_is_the_models(self, shop: Shop) -> None:
        reply = shop.handler.rank(RankCommand(["item-0003", "item-0002", "item-0001"], user_id="ann"))
        assert ids(reply)[0] == "item-0002"
        scores = [item.score for item in reply.items]
        assert scores == sorted(scores, reverse=True)

    def test_unknown_user_gets_the_popular_items_first(self, shop: Shop) -> None:
        reply = shop.handler.rank(RankCommand(["item-0009", "item-0001", "item-0005"]))
        assert ids(reply) == ["item-0001", "item-0005", "item-0009"]
        assert reply.served_by is ServedBy.POPULARITY

    def test_ranked_as_recommended(self, shop: Shop) -> None:
        """The same item gets the same score, whichever way it came in."""
        recommended = {item.item_id: item.score for item in shop.handler.recommend(ANN).items}
        ranked = {
            item.item_id: item.score
            for item in shop.handler.rank(RankCommand(list(recommended), "ann")).items
        }
        assert ranked == pytest.approx(recommended, abs=1e-6)

    def test_no_time_at_all_still_ranks_everything(self, shop: Shop) -> None:
        reply = shop.handler.rank(
            RankCommand(["item-0009", "who", "item-0001"], "ann", deadline_s=shop.clock.now_s)
        )
        assert ids(reply) == ["item-0001", "item-0009", "who"]
        assert reply.degraded_reasons == (DegradedReason.DEADLINE,)
        assert reply.served_by is ServedBy.POPULARITY

    def test_list_of_unknown_items_comes_back(self, shop: Shop) -> None:
        assert ids(shop.handler.rank(RankCommand(["b", "a"], "ann"))) == ["b", "a"]

    def test_repeated_item_is_ranked_once(self, shop: Shop) -> None:
        assert len(shop.handler.rank(RankCommand(["item-0001", "item-0001"], "ann")).items) == 1


class TestLogging:
    def test_what_was_shown_is_logged(self, shop: Shop) -> None:
        reply = shop.handler.recommend(ANN)
        (entry,) = shop.logged
        assert entry.recommendation_id == reply.recommendation_id
        assert entry.item_ids == ids(reply)
        assert entry.scores == [item.score for item in reply.items]
        assert entry.source_bits[0] == sum(1 << source for source in reply.items[0].sources)
        assert (entry.user_id, entry.time_us, entry.degraded) == ("ann", NOW_S * 1_000_000, False)

    def test_handler_without_a_log_serves_all_the_same(self, shop: Shop) -> None:
        handler = RecommendHandler(shop.engine, FixedRelease(shop.release), now_s=lambda: NOW_S)
        assert len(handler.recommend(ANN).items) == 20
        assert shop.logged == []

    def test_ids_are_unique_and_sort_by_time(self) -> None:
        made = [new_recommendation_id(NOW_S + n / 1_000) for n in range(100)]
        assert made == sorted(made)
        assert len(set(made)) == 100
        assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)
        assert new_recommendation_id(NOW_S) != new_recommendation_id(NOW_S)


class TestManyThreads:
    def test_threads_that_share_an_engine_get_the_answers_of_one(self, shop: Shop) -> None:
        commands = [
            ANN,
            RecommendCommand(user_id="nobody"),
            replace(ANN, context_item_ids=["item-0001"]),
            replace(ANN, category_ids=["category-01"]),
        ] * 10
        expected = [ids(reply) for reply in shop.handler.batch(commands)]
        with ThreadPoolExecutor(4) as pool:
            answered = list(pool.map(lambda command: ids(shop.handler.recommend(command)), commands))
        assert answered == expected


class TestItemChanges:
    def change(self, shop: Shop, item_id: str, **patch: object) -> None:
        change = ItemChange(shop.release.overlay_sequence + 1, item_id, False, dict(patch))
        Overlay().apply(shop.release, [change])

    def test_new_item_appears_for_the_users_who_like_its_kind(self, shop: Shop) -> None:
        new = {"title": "Lamp", "category_id": "category-02", "in_stock": True, "added_time_s": NOW_S}
        self.change(shop, "brand-new", **new)
        shop.release.arrays.item_vectors[shop.row("brand-new")] = shop.hydrated(ANN).user_vector
        items = {item.item_id: item for item in shop.handler.recommend(ANN).items}
        assert SourceKind.FRESH in items["brand-new"].sources
        assert SourceKind.EMBEDDING in items["brand-new"].sources
        assert items["brand-new"].reason == Reason(ReasonKind.NEW)

    def test_new_category_is_served_to_those_who_ask_for_it(self, shop: Shop) -> None:
        self.change(shop, "first", category_id="category-new", in_stock=True)
        for user_id in ("ann", "nobody"):
            reply = shop.handler.recommend(RecommendCommand(user_id=user_id, category_ids=["category-new"]))
            assert (ids(reply), reply.short_reason) == (["first"], "CATEGORY_EXHAUSTED")

    @pytest.mark.parametrize("patch", [{"in_stock": False}, {"hidden": True}, {"expire_time_s": NOW_S}])
    def test_item_that_may_not_be_shown_any_more_is_gone_at_once(
        self, shop: Shop, patch: dict[str, object]
    ) -> None:
        first = ids(shop.handler.recommend(ANN))[0]
        self.change(shop, first, **patch)
        assert first not in ids(shop.handler.recommend(ANN))
