"""T8: whatever time the caller leaves, it gets a full list within it, and no stage begins after its time is up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.engine import Engine, EngineParts, EngineValues
from server.handlers.messages import RecommendCommand
from server.handlers.recommend import RecommendHandler
from server.pipeline.degradation import DegradedReason
from tests.support.recommending import BUDGET, NOW_S, RETRIEVAL, FixedRelease, Shop, StandingClock
from tests.support.recommending import shop as shop

ANN = RecommendCommand(user_id="ann", num_items=20, explain=True)
SERVER_MS = BUDGET.deadline_ms


class RunningClock(StandingClock):
    """Moves on by a step each time it is read, as a slow processor's would: some forty stamps a request."""

    def __init__(self, step_ms: float) -> None:
        super().__init__()
        self._step_s = step_ms / 1e3

    def __call__(self) -> float:
        self.now_s += self._step_s
        return self.now_s


def handler_with(shop: Shop, clock: StandingClock) -> RecommendHandler:
    engine = Engine(EngineValues(BUDGET, RETRIEVAL), EngineParts(shop.users, clock=clock))
    return RecommendHandler(engine, FixedRelease(shop.release), now_s=lambda: NOW_S)


@pytest.mark.parametrize("step_ms", [0.05, 0.3])
@pytest.mark.parametrize("deadline_ms", [5, 20, 50, 100, None])
def test_a_full_list_comes_within_the_callers_time_or_the_servers(
    shop: Shop, deadline_ms: float | None, step_ms: float
) -> None:
    clock = RunningClock(step_ms)
    handler = handler_with(shop, clock)
    started_s = clock.now_s
    given_s = float("inf") if deadline_ms is None else started_s + deadline_ms / 1e3
    reply = handler.recommend(replace(ANN, deadline_s=given_s))
    took_ms = (clock.now_s - started_s) * 1e3
    assert len(reply.items) == 20
    allowed_ms = min(deadline_ms or SERVER_MS, SERVER_MS)
    # Where there is no time at all, what is popular still takes the thirty stamps or so of a fallback.
    assert took_ms <= max(allowed_ms, 40 * step_ms)


@pytest.mark.parametrize("deadline_ms", [5, 15])
def test_no_time_for_the_pipeline_is_time_for_what_is_popular(shop: Shop, deadline_ms: float) -> None:
    clock = StandingClock()
    reply = handler_with(shop, clock).recommend(replace(ANN, deadline_s=clock.now_s + deadline_ms / 1e3))
    assert len(reply.items) == 20
    assert DegradedReason.DEADLINE in reply.degraded_reasons


def test_twenty_milliseconds_are_enough_for_a_whole_answer_on_a_quick_machine(shop: Shop) -> None:
    clock = RunningClock(0.05)
    reply = handler_with(shop, clock).recommend(replace(ANN, deadline_s=clock.now_s + 0.02))
    assert reply.degraded_reasons == ()


def test_a_slow_user_record_costs_later_stages_their_time_and_not_the_caller_its_answer(shop: Shop) -> None:
    clock = StandingClock()
    read = shop.users.read

    def slow_read(key: str) -> object:
        clock.now_s += 0.03
        return read(key)

    shop.users.read = slow_read  # type: ignore[assignment, method-assign]
    handler = handler_with(shop, clock)
    started_s = clock.now_s
    reply = handler.recommend(replace(ANN, deadline_s=started_s + 0.05))
    assert len(reply.items) == 20
    assert clock.now_s - started_s < 0.05
