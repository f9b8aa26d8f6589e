from __future__ import annotations

from server.degraded_share import DegradedShare


def test_it_is_told_when_most_answers_are_degraded_and_when_few_are_again() -> None:
    told: list[bool] = []
    share = DegradedShare(told.append)
    for _ in range(13):
        share.observe(True)
    assert told == []
    share.observe(True)
    assert told == [True]
    for _ in range(30):
        share.observe(False)
    assert told == [True, False]


def test_a_few_degraded_answers_among_many_change_nothing() -> None:
    told: list[bool] = []
    share = DegradedShare(told.append)
    for number in range(1_000):
        share.observe(number % 4 == 0)
    assert told == []


def test_it_does_not_flap_where_half_of_the_answers_are_degraded() -> None:
    told: list[bool] = []
    share = DegradedShare(told.append)
    for number in range(1_000):
        share.observe(number % 2 == 0)
    assert len(told) <= 1
