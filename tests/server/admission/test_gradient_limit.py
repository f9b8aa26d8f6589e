"""The limit on a simulated worker: calls take `service_ms` on one of `threads`, and wait for it in line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.admission.gradient_limit import GradientLimit, GradientValues

VALUES = GradientValues()
WINDOWS_A_SECOND = 10
THREADS = 8


def run(
    limit: GradientLimit, seconds: float, *, service_ms: float, offered_per_s: float
) -> list[tuple[int, float]]:
    """Offers calls for so long; returns (limit, latency_ms) after each window.

    Little's law: what is in flight is what arrives times how long it takes, and never more than the limit.
    """
    history = []
    for _ in range(round(seconds * WINDOWS_A_SECOND)):
        capacity_per_s = THREADS / service_ms * 1e3
        if offered_per_s < capacity_per_s:
            in_flight, latency_ms = offered_per_s * service_ms / 1e3, service_ms
        else:
            in_flight = limit.limit
            latency_ms = max(service_ms, in_flight / capacity_per_s * 1e3)
        limit.update(latency_ms, max(1, round(in_flight)))
        history.append((limit.limit, latency_ms))
    return history


def test_limit_starts_where_it_is_told() -> None:
    assert GradientLimit(VALUES).limit == 32


def test_limit_grows_to_its_maximum_while_calls_are_quick_and_press_on_it() -> None:
    limit = GradientLimit(VALUES)
    run(limit, 10, service_ms=1, offered_per_s=20_000)
    assert limit.limit == VALUES.limit_max


def test_limit_does_not_grow_where_nothing_presses_on_it() -> None:
    limit = GradientLimit(VALUES)
    run(limit, 10, service_ms=1, offered_per_s=100)
    assert limit.limit == VALUES.limit_initial


def test_slow_calls_lower_the_limit_within_two_seconds_and_it_settles() -> None:
    limit = GradientLimit(VALUES)
    run(limit, 20, service_ms=10, offered_per_s=480)
    slow = run(limit, 30, service_ms=30, offered_per_s=480)
    assert slow[2 * WINDOWS_A_SECOND - 1][0] <= 12
    settled = [found for found, _ in slow[5 * WINDOWS_A_SECOND :]]
    assert max(settled) <= 1.3 * min(settled)
    assert all(latency_ms < 100 for _, latency_ms in slow[2 * WINDOWS_A_SECOND :])


def test_limit_comes_back_within_ten_seconds() -> None:
    limit = GradientLimit(VALUES)
    run(limit, 20, service_ms=10, offered_per_s=480)
    run(limit, 30, service_ms=30, offered_per_s=480)
    assert run(limit, 10, service_ms=10, offered_per_s=480)[-1][0] >= VALUES.limit_initial


def test_a_latency_that_has_become_usual_is_still_too_high() -> None:
    limit = GradientLimit(VALUES)
    history = run(limit, 1_200, service_ms=15, offered_per_s=10_000)
    assert history[-1][1] <= VALUES.latency_high_ms * 1.3


def test_a_slow_dependency_that_is_usual_and_within_the_promise_lowers_nothing() -> None:
    limit = GradientLimit(VALUES)
    # 30 ms each is above latency_low_ms, but it has never been otherwise.
    run(limit, 60, service_ms=30, offered_per_s=230)
    assert limit.limit == VALUES.limit_initial


def test_calls_slower_than_usual_but_quick_lower_nothing() -> None:
    limit = GradientLimit(VALUES)
    run(limit, 5, service_ms=0.3, offered_per_s=100)
    before = limit.limit
    run(limit, 5, service_ms=2, offered_per_s=5_000)
    assert limit.limit >= before


def test_limit_stays_within_its_bounds_whatever_happens() -> None:
    limit = GradientLimit(replace(VALUES, limit_min=10))
    seen = [found for found, _ in run(limit, 60, service_ms=5_000, offered_per_s=1_000)]
    seen += [found for found, _ in run(limit, 60, service_ms=0.01, offered_per_s=10_000_000)]
    assert (min(seen), max(seen)) == (10, 64)


@pytest.mark.parametrize("bounds", [(0, 8, 8), (9, 8, 8), (1, 9, 8)])
def test_bounds_that_do_not_rise_are_refused(bounds: tuple[int, int, int]) -> None:
    least, first, most = bounds
    with pytest.raises(ValueError, match="limits must rise"):
        GradientValues(limit_min=least, limit_initial=first, limit_max=most)
