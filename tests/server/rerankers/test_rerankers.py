"""One class a re-ranker or selector: each inherits the contract and says what it must change."""

from __future__ import annotations

from collections import Counter

import numpy as np

from server.handlers.messages import RecommendCommand
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.query import Retrieved
from server.query import RecommendQuery, ScenarioValues
from server.releases.format import ItemFlag
from server.rerankers.context_reranker import ContextReranker
from server.rerankers.diversity_selector import DiversitySelector
from server.rerankers.new_item_reranker import NewItemReranker
from server.rerankers.position_bias_reranker import BiasHandledInTraining, PositionBiasReranker
from server.rerankers.promotion_reranker import PromotionReranker
from server.rerankers.repeat_reranker import RepeatReranker
from server.rerankers.score_selector import ScoreSelector
from server.rerankers.shortlist_selector import ShortlistSelector
from tests.support.recommending import NOW_S, Shop
from tests.support.stage_contracts import RerankerContract, SelectorContract, batch_of

DAY_S = 86_400


class TestPromotionReranker(RerankerContract):
    def stage(self, shop: Shop) -> PromotionReranker:
        return PromotionReranker()

    def query(self, shop: Shop) -> RecommendQuery:
        shop.release.arrays.flags[shop.row("item-0004")] |= ItemFlag.PROMOTED
        return shop.hydrated(RecommendCommand(user_id="ann"))

    def raised(self, shop: Shop) -> dict[str, float]:
        return {"item-0004": 1.5}


class TestNewItemReranker(RerankerContract):
    def stage(self, shop: Shop) -> NewItemReranker:
        return NewItemReranker()

    def query(self, shop: Shop) -> RecommendQuery:
        added = shop.release.arrays.added_time_s
        added[shop.row("item-0004")] = NOW_S - 7 * DAY_S
        added[shop.row("item-0005")] = NOW_S - 7 * DAY_S + 1
        return shop.hydrated(RecommendCommand(user_id="ann"))

    def raised(self, shop: Shop) -> dict[str, float]:
        return {"item-0005": 1.2}

    def test_new_user_sees_all_items_alike(self, shop: Shop) -> None:
        assert not self.stage(shop).enabled(shop.hydrated(RecommendCommand(context_item_ids=["item-0001"])))


class TestContextReranker(RerankerContract):
    def stage(self, shop: Shop) -> ContextReranker:
        return ContextReranker(source=0)

    def query(self, shop: Shop) -> RecommendQuery:
        query = shop.hydrated(RecommendCommand(context_item_ids=["item-0001"]))
        query.scenario = ScenarioValues(context_boost=0.5)
        return query

    def batch(self, shop: Shop) -> CandidateBatch:
        batch = super().batch(shop)
        batch.source_scores[:] = 0
        batch.source_scores[shop.row("item-0006"), 0] = 1
        return batch

    def raised(self, shop: Shop) -> dict[str, float]:
        return {"item-0006": 1.5}


class TestRepeatReranker(RerankerContract):
    def stage(self, shop: Shop) -> RepeatReranker:
        return RepeatReranker(source=0)

    def query(self, shop: Shop) -> RecommendQuery:
        query = shop.hydrated(RecommendCommand(user_id="ann"))
        query.scenario = ScenarioValues(exclude_bought=False, repeat_boost=0.5)
        rows = np.array([shop.row("item-0012"), shop.row("item-0003")], np.int32)
        query.retrieved = [Retrieved(rows, np.array([2, 1], np.float32))]
        return query

    def raised(self, shop: Shop) -> dict[str, float]:
        score = dict(
            zip(shop.release.item_ids(self.batch(shop).rows.tolist()), self.batch(shop).score, strict=True)
        )
        return {
            item: 1 / (score[item] + (1 - score[item]) * np.exp(-logit))
            for item, logit in (("item-0012", 1.0), ("item-0003", 0.5))
        }

    def test_is_off_where_nothing_was_bought(self, shop: Shop) -> None:
        assert not self.stage(shop).enabled(shop.hydrated(RecommendCommand(user_id="ann")))


class HalveFirst:
    """Corrects the bias of one item."""

    def multipliers(self, query: RecommendQuery, batch: CandidateBatch) -> np.ndarray:
        factors = np.ones(len(batch), np.float32)
        factors[batch.rows == query.release.rows_of(["item-0000"])[0]] = 0.5
        return factors


class TestPositionBiasReranker(RerankerContract):
    def stage(self, shop: Shop) -> PositionBiasReranker:
        return PositionBiasReranker(HalveFirst())

    def raised(self, shop: Shop) -> dict[str, float]:
        return {"item-0000": 0.5}

    def test_is_off_where_training_has_handled_it(self, shop: Shop) -> None:
        assert not PositionBiasReranker(BiasHandledInTraining()).enabled(self.query(shop))
        assert (BiasHandledInTraining().multipliers(self.query(shop), self.batch(shop)) == 1).all()


class TestShortlistSelector(SelectorContract):
    limit = 40

    def stage(self, shop: Shop) -> ShortlistSelector:
        return ShortlistSelector(2, ContextReranker(0))

    def test_item_that_fits_the_page_gets_in(self, shop: Shop) -> None:
        batch = batch_of(np.arange(100))
        batch = batch.with_score(np.linspace(0.6, 0.5, 100, dtype=np.float32))
        batch.source_scores[:, 0] = 0
        batch.source_scores[99, 0] = 1
        query = shop.hydrated(RecommendCommand(context_item_ids=["item-0001"]))
        assert self.stage(shop).run(query, batch).rows[0] == 99


class TestScoreSelector(SelectorContract):
    limit = 200

    def stage(self, shop: Shop) -> ScoreSelector:
        return ScoreSelector()

    def test_order_is_the_scores(self, shop: Shop) -> None:
        chosen = self.run(self.stage(shop), self.query(shop), shop)
        assert (np.diff(chosen.score) <= 0).all()


class TestDiversitySelector(SelectorContract):
    limit = 20

    def stage(self, shop: Shop) -> DiversitySelector:
        return DiversitySelector()

    def one_category(self, shop: Shop) -> CandidateBatch:
        """Returns 20 items of one category, scored above 20 others."""
        rows = [shop.row(f"item-{n:04d}") for n in (*range(0, 100, 5), *range(1, 21))]
        batch = batch_of(rows)
        return batch.with_score(np.linspace(0.9, 0.5, len(rows), dtype=np.float32))

    def categories(self, shop: Shop, chosen: CandidateBatch) -> Counter[int]:
        return Counter(shop.release.arrays.category[chosen.rows].tolist())

    def test_no_category_has_more_than_its_cap(self, shop: Shop) -> None:
        chosen = self.stage(shop).run(self.query(shop), self.one_category(shop))
        assert max(self.categories(shop, chosen).values()) == 5

    def test_overflow_fills_a_list_that_would_be_short(self, shop: Shop) -> None:
        batch = self.one_category(shop).take(np.arange(20))
        assert len(self.stage(shop).run(self.query(shop), batch)) == 20

    def test_cap_is_off_where_the_request_fixes_the_category(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(user_id="ann", category_ids=["category-00", "category-01"]))
        query.scenario = ScenarioValues(mmr_weight=0)
        chosen = self.stage(shop).run(query, self.one_category(shop))
        assert self.categories(shop, chosen)[0] == 20

    def test_equal_scores_alternate_between_categories(self, shop: Shop) -> None:
        batch = self.one_category(shop)
        batch = batch.with_score(np.full(len(batch), 0.5, np.float32))
        first = self.stage(shop).run(self.query(shop), batch).take(np.arange(5))
        assert len(self.categories(shop, first)) >= 4

    def test_lead_larger_than_the_penalty_holds(self, shop: Shop) -> None:
        batch = batch_of([shop.row("item-0000"), shop.row("item-0005"), shop.row("item-0001")])
        batch = batch.with_score(np.array([0.9, 0.85, 0.5], np.float32))
        chosen = self.stage(shop).run(self.query(shop), batch)
        assert shop.release.item_ids(chosen.rows) == ["item-0000", "item-0005", "item-0001"]
