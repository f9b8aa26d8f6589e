from __future__ import annotations

import pytest

from server.pipeline.budget import BudgetValues, RequestBudget, StageGroup
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


def test_groups_share_out_the_time_of_a_request() -> None:
    clock = StandingClock()
    budget = RequestBudget(BUDGET, float("inf"), clock)
    ends_ms = []
    for group in StageGroup:
        budget.begin_group(group)
        ends_ms.append((budget.group_ends_s - clock()) * 1e3)
    assert ends_ms == pytest.approx([65 * 8 / 57, 65 * 18 / 57, 65 * 53 / 57, 65])


def test_request_with_little_time_shares_out_that_little() -> None:
    clock = StandingClock()
    budget = RequestBudget(BUDGET, clock() + 0.015 + 0.00057, clock)
    budget.begin_group(StageGroup.RETRIEVAL)
    assert budget.group_ends_s - clock() == pytest.approx(0.00018)


def test_group_has_what_those_before_it_left_over() -> None:
    clock = StandingClock()
    budget = RequestBudget(BUDGET, float("inf"), clock)
    clock.now_s += 0.001
    budget.begin_group(StageGroup.RETRIEVAL)
    assert budget.group_ends_s - clock() > 0.010


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
