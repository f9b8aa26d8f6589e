"""One class a source: each inherits the contract and says what must be found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from server.features.event_types import EventType, PageType
from server.handlers.messages import RecommendCommand
from server.pipeline.stages import Source
from server.query import RecommendQuery
from server.releases.mapped_release import MappedRelease
from server.releases.overlay import Overlay
from server.sources.backfill_source import BackfillSource
from server.sources.caller_source import CallerSource
from server.sources.collaborative_source import CollaborativeSource
from server.sources.context_neighbours_source import ContextNeighboursSource
from server.sources.embedding_source import EmbeddingSource
from server.sources.fresh_source import FreshSource
from server.sources.popularity_source import PopularitySource
from server.stores.protocols import ItemChange
from tests.support.recommending import NOW_S, Shop
from tests.support.stage_contracts import SourceContract


def ids(shop: Shop, rows: np.ndarray) -> list[str]:
    return shop.release.item_ids(rows.tolist())


def upsert(shop: Shop, item_id: str, category: str) -> None:
    """Adds a new item to the release's overlay."""
    patch: dict[str, object] = {
        "title": "New",
        "category_id": category,
        "in_stock": True,
        "price": 5.0,
        "added_time_s": NOW_S,
    }
    Overlay().apply(shop.release, [ItemChange(shop.release.overlay_sequence + 1, item_id, False, patch)])


class TestCollaborativeSource(SourceContract):
    def stage(self, shop: Shop) -> CollaborativeSource:
        return CollaborativeSource(self.limit)

    def test_neighbours_of_several_items_add_up(self, shop: Shop) -> None:
        found = self.stage(shop).run(self.query(shop))
        # item-0002 and item-0017 stand between and beside item-0007 and item-0012 in their category.
        assert set(ids(shop, found.rows[:4])) <= set(shop.small.ids_of_category("category-02"))
        assert set(ids(shop, found.because)) <= {"item-0007", "item-0012"}

    def test_recent_events_weigh_more(self, shop: Shop) -> None:
        year = 365 * 86_400
        shop.users.add("old", [("item-0000", EventType.VIEW, year), ("item-0001", EventType.VIEW, 60)])
        query = shop.hydrated(RecommendCommand(user_id="old"))
        best = self.stage(shop).run(query).rows[0]
        assert ids(shop, np.array([best]))[0] in shop.small.ids_of_category("category-01")

    def test_unknown_user_has_none(self, shop: Shop) -> None:
        assert not CollaborativeSource(5).enabled(shop.hydrated())

    def test_restriction_is_kept(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(user_id="ann", category_ids=["category-02"]))
        found = ids(shop, self.stage(shop).run(query).rows)
        assert found
        assert set(found) <= set(shop.small.ids_of_category("category-02"))


class TestEmbeddingSource(SourceContract):
    def stage(self, shop: Shop) -> EmbeddingSource:
        return EmbeddingSource(self.limit, 1_000)

    def test_finds_the_users_category(self, shop: Shop) -> None:
        found = ids(shop, self.stage(shop).run(self.query(shop)).rows)
        assert set(found[:10]) <= set(shop.small.ids_of_category("category-02"))

    def test_small_category_is_scanned_exactly(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(user_id="ann", category_ids=["category-04"]))
        found = EmbeddingSource(1_000, 1_000).run(query)
        assert set(ids(shop, found.rows)) == set(shop.small.ids_of_category("category-04"))
        assert (np.diff(found.scores) <= 0).all()

    def test_large_category_is_searched_with_more_candidates(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(user_id="ann", category_ids=["category-02"]))
        found = ids(shop, EmbeddingSource(self.limit, 0).run(query).rows)
        assert len(set(found) - {"item-0012", "item-0022"}) == self.limit
        assert set(found) <= set(shop.small.ids_of_category("category-02"))

    @pytest.mark.parametrize("categories", [(), ("category-02",)])
    @pytest.mark.parametrize("scan_rows_max", [0, 1_000])
    def test_new_items_are_found_beside_the_index(
        self, shop: Shop, categories: tuple[str, ...], scan_rows_max: int
    ) -> None:
        upsert(shop, "new-b", "category-02")
        shop.release.arrays.item_vectors[shop.row("new-b")] = shop.release.arrays.item_vectors[
            shop.row("item-0007")
        ]
        query = shop.hydrated(RecommendCommand(user_id="ann", category_ids=categories))
        found = EmbeddingSource(self.limit, scan_rows_max).run(query)
        assert "new-b" in ids(shop, found.rows)
        assert (np.diff(found.scores) <= 0).all()

    def test_rows_that_the_index_may_miss_are_looked_at_once(self, shop: Shop) -> None:
        unreached = np.array(sorted(shop.row(f"item-{number:04d}") for number in (7, 17)), np.int32)
        shop.release.arrays = replace(shop.release.arrays, unreached_rows=unreached)
        asked: list[int] = []

        def missing_one(vector: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
            asked.append(k)
            rows, scores = MappedRelease.search_ann(shop.release, vector, k)
            return rows[rows != unreached[0]], scores[rows != unreached[0]]

        shop.release.search_ann = missing_one  # type: ignore[method-assign]
        found = EmbeddingSource(40, 0).run(self.query(shop))
        assert asked
        assert set(unreached.tolist()) <= set(found.rows.tolist())
        assert len(set(found.rows.tolist())) == len(found.rows)
        assert (np.diff(found.scores) <= 0).all()

    def test_unknown_category_holds_nothing(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(user_id="ann", category_ids=["unknown"]))
        assert len(self.stage(shop).run(query).rows) == 0


class TestPopularitySource(SourceContract):
    limit = 20

    def stage(self, shop: Shop) -> PopularitySource:
        return PopularitySource(self.limit, 100)

    def test_gives_what_is_trending_beside_personal_sources(self, shop: Shop) -> None:
        found = ids(shop, self.stage(shop).run(self.query(shop)).rows)
        trending = shop.release.popularity("trending", "global")
        assert trending is not None
        assert found[:20] == shop.release.item_ids(trending[0][:20].tolist())

    def test_gives_an_unknown_user_what_is_popular_and_nothing_else_does(self, shop: Shop) -> None:
        found = ids(shop, self.stage(shop).run(shop.hydrated()).rows)
        assert found == [f"item-{number:04d}" for number in range(100)]

    def test_categories_have_lists_of_their_own(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(category_ids=["category-01"]))
        assert ids(shop, self.stage(shop).run(query).rows)[:3] == ["item-0001", "item-0006", "item-0011"]

    def test_lists_of_several_categories_are_merged_by_score(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(category_ids=["category-01", "category-00"]))
        assert set(ids(shop, self.stage(shop).run(query).rows)[:2]) == {"item-0000", "item-0001"}

    def test_page_without_a_list_gets_the_shops(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(page_type=PageType.UNSPECIFIED))
        assert ids(shop, self.stage(shop).run(query).rows)[0] == "item-0000"


class TestContextNeighboursSource(SourceContract):
    def stage(self, shop: Shop) -> ContextNeighboursSource:
        return ContextNeighboursSource(self.limit)

    def query(self, shop: Shop) -> RecommendQuery:
        return shop.hydrated(RecommendCommand(context_item_ids=["item-0003"], page_type=PageType.ITEM_DETAIL))

    def test_finds_what_is_like_the_item(self, shop: Shop) -> None:
        found = self.stage(shop).run(self.query(shop))
        assert set(ids(shop, found.rows[:8])) <= set(shop.small.ids_of_category("category-03"))
        assert set(ids(shop, found.because)) == {"item-0003"}

    def test_each_item_is_explained_by_the_nearest_context_item(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(context_item_ids=["item-0003", "item-0001"]))
        found = self.stage(shop).run(query)
        category = shop.release.arrays.category
        related = np.isin(category[found.rows], [1, 3])
        assert related.any()
        np.testing.assert_array_equal(category[found.rows[related]], category[found.because[related]])

    @pytest.mark.parametrize("context", [(), ("unknown",)])
    def test_is_off_without_a_known_item(self, shop: Shop, context: tuple[str, ...]) -> None:
        assert not self.stage(shop).enabled(shop.hydrated(RecommendCommand(context_item_ids=context)))

    def test_restriction_is_kept(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(context_item_ids=["item-0003"], category_ids=["category-03"]))
        found = ids(shop, self.stage(shop).run(query).rows)
        assert set(found) <= set(shop.small.ids_of_category("category-03"))


class TestFreshSource(SourceContract):
    def stage(self, shop: Shop) -> FreshSource:
        return FreshSource(self.limit)

    def query(self, shop: Shop) -> RecommendQuery:
        if not len(shop.release.fresh_rows):
            upsert(shop, "new-a", "category-01")
            upsert(shop, "new-b", "category-02")
        return shop.hydrated(RecommendCommand(user_id="ann"))

    def test_new_item_of_the_users_category_is_first(self, shop: Shop) -> None:
        assert ids(shop, self.stage(shop).run(self.query(shop)).rows) == ["new-b", "new-a"]

    def test_restriction_is_kept(self, shop: Shop) -> None:
        self.query(shop)
        query = shop.hydrated(RecommendCommand(user_id="ann", category_ids=["category-01"]))
        assert ids(shop, self.stage(shop).run(query).rows) == ["new-a"]

    def test_is_off_without_new_items(self, shop: Shop) -> None:
        assert not self.stage(shop).enabled(shop.hydrated(RecommendCommand(user_id="ann")))


class TestCallerSource(SourceContract):
    def stage(self, shop: Shop) -> CallerSource:
        return CallerSource()

    def query(self, shop: Shop) -> RecommendQuery:
        query = shop.query(caller_item_ids=["item-0009", "unknown", "item-0001", "item-0009"])
        shop.engine._recommend.parts.hydrators[0].run(query)
        return query

    def test_gives_the_known_items_in_the_callers_order(self, shop: Shop) -> None:
        assert ids(shop, self.stage(shop).run(self.query(shop)).rows) == ["item-0009", "item-0001"]


class TestBackfillSource(SourceContract):
    limit = 250

    def stage(self, shop: Shop) -> BackfillSource:
        return BackfillSource(1_000)

    def test_gives_every_item_the_popular_ones_first(self, shop: Shop) -> None:
        found = ids(shop, self.stage(shop).run(self.query(shop)).rows)
        assert found[:3] == ["item-0000", "item-0001", "item-0002"]
        assert set(found) == set(shop.small.item_ids)

    def test_restricted_request_gets_every_item_of_its_category(self, shop: Shop) -> None:
        upsert(shop, "new-a", "category-01")
        query = shop.hydrated(RecommendCommand(category_ids=["category-01"]))
        found = ids(shop, self.stage(shop).run(query).rows)
        assert set(found) == {*shop.small.ids_of_category("category-01"), "new-a"}

    def test_looks_at_no_more_rows_than_it_may(self, shop: Shop) -> None:
        query = shop.hydrated(RecommendCommand(user_id="ann"))
        query.release._lists.clear()
        assert len(BackfillSource(7).run(query).rows) == 7


@pytest.mark.parametrize(
    "source",
    [CollaborativeSource(4), EmbeddingSource(4, 0), EmbeddingSource(4, 1_000), PopularitySource(4, 4)],
)
@pytest.mark.parametrize("categories", [(), ("category-02",)])
def test_unwanted_items_do_not_shorten_a_list(
    shop: Shop, source: Source, categories: tuple[str, ...]
) -> None:
    command = RecommendCommand(user_id="ann", category_ids=categories)
    plain = source.run(shop.hydrated(command)).rows
    unwanted = shop.release.item_ids(plain[:2])
    query = shop.hydrated(replace(command, excluded_item_ids=unwanted))
    found = source.run(query).rows
    wanted = ~np.isin(found, query.unwanted_rows)
    assert np.count_nonzero(wanted) == 4
    assert wanted[-1]
    # They stay in the list: a filter drops them, and the report counts it.
    assert set(plain[:2].tolist()) <= set(found.tolist())


def test_list_is_lengthened_to_twice_its_limit_at_most(shop: Shop) -> None:
    query = shop.hydrated(RecommendCommand(excluded_item_ids=shop.small.item_ids[::2]))
    assert len(PopularitySource(10, 10).run(query).rows) <= 20
