from __future__ import annotations

import pytest

from server.pipeline.budget import BudgetValues, RequestBudget
from server.settings import BudgetSettings
from tests.support.recommending import BUDGET, StandingClock


def test_longest_path_of_the_default_settings_fits_the_servers_deadline() -> None:
    values = BudgetValues(**BudgetSettings().model_dump())
    assert values.longest_path_ms == pytest.approx(0.5 + 8 + 10 + 35 + 4 + 1 + 15)
    assert values.longest_path_ms <= values.deadline_ms <= 80


def test_work_ends_a_reserve_before_the_servers_deadline() -> None:
    clock = StandingClock()
    budget = RequestBudget(BUDGET, float("inf"), clock)
    assert budget.work_ends_s - clock() == pytest.approx(0.065)


def test_callers_earlier_deadline_wins() -> None:
    clock = StandingClock()
    assert RequestBudget(BUDGET, clock() + 0.020, clock).work_ends_s - clock() == pytest.approx(0.005)
    assert RequestBudget(BUDGET, clock() + 0.010, clock).is_used_up()


def test_group_has_its_own_time_within_the_requests() -> None:
    clock = StandingClock()
    budget = RequestBudget(BUDGET, float("inf"), clock)
    budget.begin_group(10)
    assert budget.group_ends_s - clock() == pytest.approx(0.010)
    clock.now_s += 0.060
    budget.begin_group(10)
    assert budget.group_ends_s == budget.work_ends_s


def test_lifted_budget_is_never_used_up() -> None:
    clock = StandingClock()
    budget = RequestBudget(BUDGET, clock(), clock)
    assert budget.is_used_up()
    budget.lift()
    assert not budget.is_used_up()


def test_elapsed_time_counts_from_the_requests_start() -> None:
    clock = StandingClock()
    budget = RequestBudget(BUDGET, float("inf"), clock)
    clock.now_s += 0.0025
    assert budget.elapsed_ms() == pytest.approx(2.5)
