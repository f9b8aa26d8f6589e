"""What an engine answers from memory, and when it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from server.engine import Engine, EngineParts, EngineValues
from server.errors import StoreUnavailable
from server.features.event_types import EventType
from server.handlers.messages import RecommendCommand, RecommendReply
from server.handlers.recommend import RecommendHandler
from server.inference.protocols import Floats, ScoringRelease
from server.query import QUALITY_RECORD, RecommendQuery, ScenarioValues
from server.releases.format import ItemFlag
from tests.support.recommending import BUDGET, NOW_S, RETRIEVAL, FixedRelease, Shop
from tests.support.recommending import shop as shop

ANN = RecommendCommand(user_id="ann", num_items=5)


@dataclass
class CountingScorer:
    """A scorer that prefers early rows and counts its calls; fails while told to."""

    calls: int = 0
    fails: bool = False

    def score(
        self, release: ScoringRelease, user_vector: Floats, rows: NDArray[np.int32], cross: Floats
    ) -> Floats:
        self.calls += 1
        if self.fails:
            raise OSError
        return np.asarray(1 / (2 + rows), np.float32)


@dataclass
class MemoryShop:
    """A shop whose engine remembers rankings."""

    shop: Shop
    handler: RecommendHandler
    scorer: CountingScorer
    queries: list[RecommendQuery] = field(default_factory=list)
    quality: float = 1.0

    def ask(self, command: RecommendCommand = ANN) -> RecommendReply:
        return self.handler.recommend(command)

    def recalled(self, command: RecommendCommand = ANN) -> bool:
        self.ask(command)
        return self.queries[-1].is_recalled

    def set_flag(self, item_id: str, flag: ItemFlag, on: bool) -> None:
        flags = self.shop.release.arrays.flags
        row = self.shop.row(item_id)
        flags[row] = flags[row] | flag if on else flags[row] & ~np.uint8(flag)


@pytest.fixture
def memory(shop: Shop) -> MemoryShop:
    made: list[MemoryShop] = []
    scorer = CountingScorer()
    parts = EngineParts(
        shop.users,
        scorer=scorer,
        clock=shop.clock,
        quality=lambda: made[0].quality,
        observers=(lambda query, items: made[0].queries.append(query),),
    )
    values = EngineValues(
        BUDGET,
        replace(RETRIEVAL, candidates_max=100, remembered_users_max=10),
        {"again": ScenarioValues(exclude_bought=False)},
    )
    handler = RecommendHandler(Engine(values, parts), FixedRelease(shop.release), now_s=lambda: NOW_S)
    made.append(MemoryShop(shop, handler, scorer))
    return made[0]


def ids(reply: RecommendReply) -> list[str]:
    return list(reply.items.item_ids)


def test_the_same_request_gets_the_same_answer_without_being_scored_again(memory: MemoryShop) -> None:
    first, second = memory.ask(), memory.ask()
    assert memory.queries[1].is_recalled
    assert not memory.queries[0].is_recalled
    assert memory.scorer.calls == 1
    assert ids(first) == ids(second)
    assert first.items.scores.tolist() == second.items.scores.tolist()
    assert first.items.source_bits.tolist() == second.items.source_bits.tolist()
    assert first.items.related_item_ids == second.items.related_item_ids
    assert first.served_by == second.served_by


def test_an_item_out_of_stock_is_gone_at_once_and_back_at_once(memory: MemoryShop) -> None:
    best = ids(memory.ask())[0]
    memory.set_flag(best, ItemFlag.IN_STOCK, False)
    assert best not in ids(memory.ask())
    assert memory.queries[-1].is_recalled
    memory.set_flag(best, ItemFlag.IN_STOCK, True)
    assert ids(memory.ask())[0] == best
    assert memory.queries[-1].is_recalled


def test_an_item_that_had_no_score_gets_one_when_it_comes_back(memory: MemoryShop) -> None:
    best = ids(memory.ask())[0]
    memory.shop.users.add("bea", [("item-0007", EventType.VIEW, 7_200)])
    bea = replace(ANN, user_id="bea")
    memory.set_flag(best, ItemFlag.IN_STOCK, False)
    assert best not in ids(memory.ask(bea))
    memory.set_flag(best, ItemFlag.IN_STOCK, True)
    assert best in ids(memory.ask(bea))
    assert not memory.queries[-1].is_recalled
    assert memory.recalled(bea)


def test_promotion_counts_at_once(memory: MemoryShop) -> None:
    wanted = ids(memory.ask(replace(ANN, num_items=10)))[6]
    before = ids(memory.ask()).count(wanted)
    memory.set_flag(wanted, ItemFlag.PROMOTED, True)
    assert ids(memory.ask(replace(ANN, num_items=10))).index(wanted) < 6
    assert memory.queries[-1].is_recalled
    assert before in (0, 1)


def test_a_longer_list_than_the_remembered_candidates_hold_is_made_anew(memory: MemoryShop) -> None:
    memory.ask()
    held = memory.queries[-1].remembered
    assert held is not None
    assert held.ranking is not None
    wanted = len(held.ranking.batch) + 1
    reply = memory.ask(replace(ANN, num_items=wanted))
    assert not memory.queries[-1].is_recalled
    assert len(reply.items) == wanted


@pytest.mark.parametrize(
    "command",
    [
        replace(ANN, explain=True),
        replace(ANN, scenario="again"),
        replace(ANN, excluded_item_ids=["item-0001"]),
    ],
    ids=["explained", "another scenario", "with exclusions"],
)
def test_a_request_that_differs_recalls_nothing(memory: MemoryShop, command: RecommendCommand) -> None:
    memory.ask()
    assert not memory.recalled(command)


def test_an_event_counts_in_the_next_answer(memory: MemoryShop) -> None:
    bought = ids(memory.ask())[0]
    memory.shop.users.add("ann", [(bought, EventType.PURCHASE, 10)])
    assert bought not in ids(memory.ask())


def failing_scorer(memory: MemoryShop) -> Callable[[], None]:
    memory.scorer.fails = True

    def mend() -> None:
        memory.scorer.fails = False

    return mend


def failing_store(memory: MemoryShop) -> Callable[[], None]:
    memory.shop.users.error = StoreUnavailable("down")

    def mend() -> None:
        memory.shop.users.error = None

    return mend


@pytest.mark.parametrize("spoil", [failing_scorer, failing_store])
def test_a_degraded_answer_is_not_remembered(
    memory: MemoryShop, spoil: Callable[[MemoryShop], Callable[[], None]]
) -> None:
    mend = spoil(memory)
    assert memory.ask().degraded_reasons
    mend()
    assert not memory.ask().degraded_reasons
    assert not memory.queries[-1].is_recalled
    assert memory.recalled()


def test_under_load_what_is_remembered_is_served_whole(memory: MemoryShop) -> None:
    whole = ids(memory.ask())
    memory.quality = 0.3
    reply = memory.ask()
    assert memory.queries[-1].is_recalled
    assert ids(reply) == whole
    assert not reply.degraded_reasons
    assert QUALITY_RECORD not in {record.stage for record in memory.queries[-1].records}


def test_what_is_cut_short_under_load_is_not_remembered(memory: MemoryShop) -> None:
    memory.quality = 0.3
    memory.ask()
    assert not memory.recalled()
    memory.quality = 1.0
    assert not memory.recalled()
    assert memory.recalled()


def test_a_user_without_taste_is_remembered_too(memory: MemoryShop) -> None:
    memory.shop.users.add("new")
    new = replace(ANN, user_id="new")
    first = memory.ask(new)
    assert memory.recalled(new)
    assert memory.ask(new).served_by == first.served_by
