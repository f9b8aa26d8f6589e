"""The interpreter's lock goes around faster from the first refusal until a while after the last."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from server.admission.lock_pace import LockPace


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(0.001)
    yield
    sys.setswitchinterval(before_s)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_refusal_hurries_and_calm_comes_back_a_while_after_the_last() -> None:
    clock = Clock()
    pace = LockPace(hurried_s=0.0001, hold_s=1, monotonic_s=clock)
    pace.taken()
    assert sys.getswitchinterval() == pytest.approx(0.001)
    pace.refused()
    clock.now_s += 0.9
    pace.refused()
    clock.now_s += 0.9
    pace.taken()
    assert sys.getswitchinterval() == pytest.approx(0.0001)
    clock.now_s += 0.2
    pace.taken()
    assert sys.getswitchinterval() == pytest.approx(0.001)


def test_what_was_set_tighter_stays() -> None:
    sys.setswitchinterval(0.00002)
    pace = LockPace(hurried_s=0.0001)
    pace.refused()
    assert sys.getswitchinterval() == pytest.approx(0.00002)


def test_two_in_a_process_come_back_to_the_same_calm() -> None:
    clock = Clock()
    one, other = (LockPace(hurried_s=0.0001, hold_s=1, monotonic_s=clock) for _ in range(2))
    one.refused()
    other.refused()
    clock.now_s += 2
    one.taken()
    other.taken()
    assert sys.getswitchinterval() == pytest.approx(0.001)
