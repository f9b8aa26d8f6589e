"""What is asked for often stays; what is asked for once goes."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.pipeline.two_queues import TwoQueues


def test_a_key_that_is_asked_for_twice_outlives_many_that_come_once() -> None:
    queues = TwoQueues[str, int](10)
    queues.put("regular", 1)
    assert queues.get("regular") == 1
    for number in range(100):
        queues.put(f"passer-by {number}", number)
    assert queues.get("regular") == 1
    assert len(queues) == 10


def test_a_key_that_comes_back_soon_after_it_was_dropped_is_a_regular() -> None:
    queues = TwoQueues[int, int](10)
    for number in range(12):
        queues.put(number, number)
    assert queues.get(0) is None
    queues.put(0, 0)
    for number in range(100, 109):
        queues.put(number, number)
    assert queues.get(0) == 0


def test_a_regular_that_is_not_asked_for_any_more_makes_room() -> None:
    queues = TwoQueues[int, int](4)
    for number in range(4):
        queues.put(number, number)
        queues.get(number)
    for number in range(4, 8):
        queues.put(number, number)
        queues.get(number)
    assert queues.get(0) is None


def test_a_new_value_takes_the_place_of_the_old() -> None:
    queues = TwoQueues[str, int](4)
    queues.put("a", 1)
    queues.put("a", 2)
    assert queues.get("a") == 2
    queues.put("a", 3)
    assert (queues.get("a"), len(queues)) == (3, 1)


def test_a_memory_of_nothing_holds_nothing() -> None:
    queues = TwoQueues[str, int](0)
    queues.put("a", 1)
    assert (queues.get("a"), len(queues)) == (None, 0)


@given(st.integers(1, 8), st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=200))
def test_it_never_holds_more_than_it_may_and_never_another_value(
    values_max: int, steps: list[tuple[bool, int]]
) -> None:
    queues, last = TwoQueues[int, int](values_max), dict[int, int]()
    for number, (is_put, key) in enumerate(steps):
        if is_put:
            queues.put(key, number)
            last[key] = number
        else:
            assert queues.get(key) in (None, last.get(key))
        assert len(queues) <= values_max


def test_of_zipfs_users_more_are_found_than_by_their_last_use() -> None:
    users = np.random.default_rng(0).zipf(1.1, 40_000) % 10_000
    queues, plain = TwoQueues[int, int](100), OrderedDict[int, int]()
    found = found_plain = 0
    for user in users.tolist():
        if queues.get(user) is None:
            queues.put(user, 1)
        else:
            found += 1
        if user in plain:
            plain.move_to_end(user)
            found_plain += 1
        else:
            plain[user] = 1
            if len(plain) > 100:
                plain.popitem(last=False)
    assert found > 1.05 * found_plain
