"""Attempts to connect that answers earn."""

from __future__ import annotations

from server.stores.reconnect_budget import BudgetValues, ReconnectBudget


def taken(budget: ReconnectBudget, attempts: int) -> int:
    """Returns how many of the attempts were allowed."""
    return sum(budget.take() for _ in range(attempts))


def test_without_an_answer_nothing_is_earned() -> None:
    assert not ReconnectBudget(BudgetValues()).take()


def test_one_answer_in_ten_that_breaks_is_made_good_for_ever() -> None:
    budget = ReconnectBudget(BudgetValues(per_answer=0.25, saved_max=8))
    for _ in range(1_000):
        for _ in range(9):
            budget.answered()
        assert budget.take()


def test_where_half_of_the_answers_break_only_a_share_is_made_good() -> None:
    budget = ReconnectBudget(BudgetValues(per_answer=0.25, saved_max=8))
    allowed = 0
    for _ in range(1_000):
        budget.answered()
        allowed += budget.take()
    assert allowed == 250


def test_many_answers_save_up_no_more_than_the_most() -> None:
    budget = ReconnectBudget(BudgetValues(per_answer=0.25, saved_max=3))
    for _ in range(10_000):
        budget.answered()
    assert taken(budget, 100) == 3
    assert taken(budget, 100) == 0
