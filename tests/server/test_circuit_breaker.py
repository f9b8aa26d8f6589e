from __future__ import annotations

import threading

import pytest

from server.circuit_breaker import BreakerState, BreakerValues, CircuitBreaker

VALUES = BreakerValues(failures_max=3, open_ms=100, open_ms_max=300)


class Clock:
    now_s = 10.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(VALUES, clock)


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        assert breaker.allow()
        breaker.failed()


def test_failures_in_a_row_open_it(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    assert breaker.state is BreakerState.CLOSED
    fail(breaker, 1)
    assert breaker.state is BreakerState.OPEN
    assert not breaker.allow()
    assert breaker.opened_total == 1


def test_an_answer_between_failures_starts_the_count_again(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.state is BreakerState.CLOSED


def test_after_the_pause_one_probe_goes_out_and_its_answer_closes(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now_s += 0.101
    assert breaker.allow()
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.allow()
    breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED
    assert breaker.allow()


def test_pauses_double_up_to_a_limit_while_probes_fail(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    for pause_s in (0.1, 0.2, 0.3, 0.3):
        clock.now_s += pause_s - 0.001
        assert not breaker.allow()
        clock.now_s += 0.002
        fail(breaker, 1)
    assert breaker.opened_total == 1


def test_an_abandoned_probe_lets_another_out(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s += 0.101
    assert breaker.allow()
    breaker.abandoned()
    assert breaker.allow()


def test_a_late_failure_of_a_call_from_before_neither_probes_nor_prolongs(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    assert breaker.allow()
    fail(breaker, 3)
    clock.now_s += 0.09
    breaker.failed()
    clock.now_s += 0.011
    assert breaker.allow()


def test_of_many_threads_one_probes(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s += 1
    start, allowed = threading.Barrier(8), []

    def ask() -> None:
        start.wait()
        allowed.append(breaker.allow())

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 1
