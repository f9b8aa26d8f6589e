"""What an engine does when it is told to save work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.engine import Engine, EngineParts, EngineValues
from server.features.event_types import PageType
from server.handlers.messages import RankCommand, RecommendCommand
from server.handlers.recommend import RecommendHandler
from server.pipeline.degradation import DegradedReason
from server.query import QUALITY_RECORD
from tests.support.recommending import BUDGET, NOW_S, RETRIEVAL, FixedRelease, Shop
from tests.support.recommending import shop as shop

ANN = RecommendCommand(user_id="ann", num_items=5, explain=True)


def at_quality(shop: Shop, quality: float) -> tuple[Engine, RecommendHandler]:
    values = EngineValues(BUDGET, replace(RETRIEVAL, candidates_max=100), quality_degraded_below=0.5)
    engine = Engine(values, EngineParts(shop.users, clock=shop.clock, quality=lambda: quality))
    return engine, RecommendHandler(engine, FixedRelease(shop.release), now_s=lambda: NOW_S)


def candidates(shop: Shop, quality: float, command: RecommendCommand = ANN) -> int:
    _, handler = at_quality(shop, quality)
    (merged,) = [stage for stage in handler.recommend(command).stages if stage.kind == "merger"]
    return merged.candidates_out


@pytest.mark.parametrize(
    "command",
    [
        ANN,
        replace(ANN, user_id="nobody"),
        replace(ANN, page_type=PageType.CART, context_item_ids=["item-0007"]),
    ],
    ids=["known user", "unknown user", "page with an item"],
)
def test_fewer_candidates_are_looked_at(shop: Shop, command: RecommendCommand) -> None:
    assert candidates(shop, 0.3, command) < 0.7 * candidates(shop, 1.0, command)


def test_a_cut_answer_is_as_long_as_any_other(shop: Shop) -> None:
    _, handler = at_quality(shop, 0.3)
    for num_items in (1, 20, 100):
        assert len(handler.recommend(replace(ANN, num_items=num_items)).items) == num_items


def test_the_explained_answer_tells_of_the_cut(shop: Shop) -> None:
    _, handler = at_quality(shop, 0.6)
    told = [stage for stage in handler.recommend(ANN).stages if stage.stage == QUALITY_RECORD]
    assert [(stage.candidates_in, stage.candidates_out) for stage in told] == [(100, 60)]


def test_the_answer_is_degraded_where_far_fewer_are_looked_at(shop: Shop) -> None:
    reasons = {
        quality: tuple(at_quality(shop, quality)[1].recommend(ANN).degraded_reasons)
        for quality in (1.0, 0.5, 0.49)
    }
    assert reasons == {1.0: (), 0.5: (), 0.49: (DegradedReason.OVERLOAD,)}


def test_a_full_answer_says_nothing_of_it(shop: Shop) -> None:
    _, handler = at_quality(shop, 1.0)
    assert QUALITY_RECORD not in {stage.stage for stage in handler.recommend(ANN).stages}


def test_the_callers_own_list_is_ranked_whole(shop: Shop) -> None:
    _, handler = at_quality(shop, 0.3)
    ids = [f"item-{number:04}" for number in range(150)]
    assert len(handler.rank(RankCommand(user_id="ann", item_ids=ids)).items) == 150
