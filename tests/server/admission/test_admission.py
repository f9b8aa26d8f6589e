from __future__ import annotations

import threading

import pytest

from server.admission.admission import Admission, AdmissionValues
from server.admission.gradient_limit import GradientValues
from server.admission.priority import Priority, priority_of

GRADIENT = GradientValues(limit_min=4, limit_initial=10, limit_max=20)
VALUES = AdmissionValues(GRADIENT, prefetch_share=0.5, window_ms=100)


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def fill(admission: Admission, calls: int, priority: Priority = Priority.INTERACTIVE) -> int:
    """Offers calls; returns how many were taken."""
    taken = 0
    for _ in range(calls):
        if admission.has_room(priority):
            admission.enter(priority)
            taken += 1
    return taken


def test_as_many_calls_as_the_limit_are_taken_and_more_when_some_end() -> None:
    admission = Admission(VALUES)
    assert fill(admission, 15) == 10
    for _ in range(3):
        admission.leave(0.001)
    assert fill(admission, 15) == 3


def test_prefetch_is_taken_in_its_share_only_and_the_rest_stays_for_those_who_wait() -> None:
    admission = Admission(VALUES)
    assert fill(admission, 15, Priority.PREFETCH) == 5
    assert fill(admission, 15, Priority.INTERACTIVE) == 10
    assert fill(admission, 1, Priority.PREFETCH) == 0


def test_prefetch_that_has_ended_leaves_its_share_and_nothing_of_the_others() -> None:
    admission = Admission(VALUES)
    fill(admission, 15, Priority.PREFETCH)
    for _ in range(5):
        admission.leave(0.001, Priority.PREFETCH)
    assert admission.in_flight == 0
    assert fill(admission, 15, Priority.INTERACTIVE) == 10
    assert fill(admission, 15, Priority.PREFETCH) == 0


def test_prefetch_is_refused_first_while_interactive_calls_rise() -> None:
    admission = Admission(VALUES)
    fill(admission, 5)
    assert not admission.has_room(Priority.PREFETCH)
    assert admission.has_room(Priority.INTERACTIVE)


def test_calls_are_counted_by_priority() -> None:
    admission = Admission(VALUES)
    fill(admission, 12)
    fill(admission, 3, Priority.PREFETCH)
    assert admission.admitted == [10, 0]
    assert admission.refused == [2, 3]


def test_slow_calls_lower_the_limit_and_quick_ones_raise_it() -> None:
    clock = Clock()
    admission = Admission(VALUES, clock)
    limits = []
    for latency_s in (0.3, 0.001):
        for _ in range(40):
            clock.now_s += 0.11
            calls = max(fill(admission, 20), 10)
            for _ in range(calls):
                admission.leave(latency_s)
            admission.in_flight = 0
        limits.append(admission.limit)
    assert limits[0] < GRADIENT.limit_initial < limits[1]


def test_calls_that_are_not_measured_change_nothing_but_the_count() -> None:
    clock = Clock()
    admission = Admission(VALUES, clock)
    for _ in range(50):
        clock.now_s += 1
        fill(admission, 10)
        for _ in range(10):
            admission.leave(None)
    assert admission.limit == GRADIENT.limit_initial
    assert admission.in_flight == 0


def test_a_few_slow_calls_are_no_window() -> None:
    clock = Clock()
    admission = Admission(VALUES, clock)
    fill(admission, 10)
    clock.now_s += 0.5
    for _ in range(9):
        admission.leave(5.0)
    assert admission.limit == GRADIENT.limit_initial
    clock.now_s += 0.6
    admission.leave(5.0)
    assert admission.limit < GRADIENT.limit_initial


def test_fixed_limit_is_the_maximum() -> None:
    admission = Admission(AdmissionValues(GRADIENT, adaptive=False))
    assert fill(admission, 30) == GRADIENT.limit_max


def test_no_call_is_lost_from_the_count_when_many_threads_end_calls() -> None:
    admission = Admission(AdmissionValues(GradientValues(limit_max=1_000), adaptive=False))
    fill(admission, 800)

    def end() -> None:
        for _ in range(100):
            admission.leave(0.001)

    threads = [threading.Thread(target=end, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert admission.in_flight == 0


@pytest.mark.parametrize(
    ("value", "priority"),
    [
        ("interactive", Priority.INTERACTIVE),
        ("prefetch", Priority.PREFETCH),
        ("", Priority.INTERACTIVE),
        ("PREFETCH!", Priority.INTERACTIVE),
        (b"prefetch", Priority.INTERACTIVE),
    ],
)
def test_what_names_no_priority_is_interactive(value: str | bytes, priority: Priority) -> None:
    assert priority_of(value) is priority
