from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from server.engine import (
    RANK_KINDS,
    RECOMMEND_KINDS,
    RetrievalValues,
    WeightsFrom,
    served_by,
)
from server.features.event_types import PageType
from server.features.fusion import BLEND_WEIGHT_MIN
from server.handlers.messages import RecommendCommand, ServedBy, SourceKind
from server.query import ScenarioValues
from server.releases.model_config import BlendWeights
from server.settings import ScenarioSettings
from tests.support.recommending import RETRIEVAL, Shop, shop_over
from tests.support.recommending import shop as shop

ANN = RecommendCommand(user_id="ann")
CALLERS = [f"item-{number:04d}" for number in range(40)]


def test_default_weights_share_out_the_candidates() -> None:
    assert RETRIEVAL.quotas == (200, 200, 100)
    assert replace(RETRIEVAL, candidates_max=10).quotas == (4, 4, 2)


def test_weights_need_not_add_up_to_one() -> None:
    values = replace(RETRIEVAL, collaborative_weight=1, embedding_weight=1, popularity_weight=0)
    assert values.quotas == (250, 250, 0)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("collaborative_weight", SourceKind.COLLABORATIVE),
        ("embedding_weight", SourceKind.EMBEDDING),
        ("popularity_weight", SourceKind.POPULARITY),
    ],
)
def test_source_of_weight_zero_proposes_nothing(shop: Shop, field: str, kind: SourceKind) -> None:
    values: RetrievalValues = replace(RETRIEVAL, candidates_max=60, **{field: 0.0})
    other = shop_over(shop.small, shop.release, retrieval=values)
    other.users.records = shop.users.records
    reply = other.handler.recommend(ANN)
    assert len(reply.items) == 20
    assert not any(kind in item.sources for item in reply.items)


def test_all_sources_switched_off_still_leave_what_is_popular(shop: Shop) -> None:
    off = dict.fromkeys(("collaborative_weight", "embedding_weight", "popularity_weight"), 0.0)
    other = shop_over(shop.small, shop.release, retrieval=replace(RETRIEVAL, **off))
    assert len(other.handler.recommend(ANN).items) == 20


@pytest.mark.parametrize(
    ("weights_from", "chosen", "expected"),
    [
        ("release", (0.0, 0.0, 1.0), (0.0, 0.0, 1.0)),
        ("release", None, (0.4, 0.4, 0.2)),
        ("settings", (0.0, 0.0, 1.0), (0.4, 0.4, 0.2)),
    ],
)
def test_blend_takes_the_weights_of_the_release_or_those_of_the_settings(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    weights_from: WeightsFrom,
    chosen: BlendWeights | None,
    expected: BlendWeights,
) -> None:
    monkeypatch.setattr(shop.release, "model", replace(shop.release.model, blend_weights=chosen))
    other = shop_over(shop.small, shop.release, retrieval=replace(RETRIEVAL, weights_from=weights_from))
    other.users.records = shop.users.records
    personal = (SourceKind.COLLABORATIVE, SourceKind.EMBEDDING, SourceKind.POPULARITY)
    lists = (
        (RECOMMEND_KINDS, other.engine.blend(other.query(ANN))),
        (RANK_KINDS, other.engine.rank(other.query(ANN, caller_item_ids=CALLERS))),
    )
    for kinds, batch in lists:
        assert len(batch) > 3
        scores = batch.source_scores[:, [kinds.index(kind) for kind in personal]]
        np.testing.assert_allclose(batch.blend, scores @ np.maximum(expected, BLEND_WEIGHT_MIN), atol=1e-5)


def test_cap_holds_though_the_best_candidates_are_of_one_category(shop: Shop) -> None:
    """Ann's category has some 40 items, twice what is asked for, and all of them are better than any other."""
    capped = shop_over(
        shop.small, shop.release, {"HOME": ScenarioValues(page_type="HOME", mmr_weight=0, category_cap=6)}
    )
    capped.users.records = shop.users.records
    batch = capped.engine.recommend(capped.query(replace(ANN, num_items=18)))
    counts = np.bincount(capped.release.arrays.category[batch.rows])
    assert len(batch) == 18
    assert counts.max() == 6


def test_hydrating_finds_the_users_vector_and_proposes_nothing(shop: Shop) -> None:
    query, listed = shop.query(ANN), shop.query(ANN)
    shop.engine.hydrate(query)
    shop.engine.blend(listed)
    assert query.user_vector is not None
    assert listed.user_vector is not None
    np.testing.assert_array_equal(query.user_vector, listed.user_vector)
    assert not query.retrieved


@pytest.mark.parametrize("weights_from", ["release", "settings"])
def test_strangers_get_what_is_popular_though_popularity_has_no_weight(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, weights_from: WeightsFrom
) -> None:
    stranger = RecommendCommand(user_id="nobody", num_items=10)
    usual = [item.item_id for item in shop.handler.recommend(stranger).items]
    monkeypatch.setattr(shop.release, "model", replace(shop.release.model, blend_weights=(1.0, 0.0, 0.0)))
    values = replace(RETRIEVAL, weights_from=weights_from)
    if weights_from == "settings":
        values = replace(values, popularity_weight=0.0)
    other = shop_over(shop.small, shop.release, retrieval=values)
    assert [item.item_id for item in other.handler.recommend(stranger).items] == usual


def test_candidates_are_limited(shop: Shop) -> None:
    few = shop_over(shop.small, shop.release, retrieval=replace(RETRIEVAL, candidates_max=20))
    few.users.records = shop.users.records
    assert len(few.engine.blend(few.query(replace(ANN, num_items=5)))) <= 20


def test_given_scenario_replaces_a_page_types_own(shop: Shop) -> None:
    own = ScenarioValues(page_type="HOME", category_cap=1)
    engine = shop_over(shop.small, shop.release, {"HOME": own}).engine
    assert engine.scenario("", PageType.HOME) == ("HOME", own)
    assert engine.scenario("CART", PageType.HOME)[1].category_cap == 5


def test_default_scenario_is_that_of_the_settings() -> None:
    assert ScenarioValues() == ScenarioValues(**ScenarioSettings().model_dump())


def test_query_that_no_personal_source_served_is_served_by_popularity(shop: Shop) -> None:
    query = shop.query()
    shop.engine.recommend(query)
    assert served_by(query) is ServedBy.POPULARITY
