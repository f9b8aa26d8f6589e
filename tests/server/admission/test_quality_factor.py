from __future__ import annotations

from dataclasses import replace

import pytest

from server.admission.quality_factor import QualityFactor, QualityValues

VALUES = QualityValues(warm_up_calls=0)
LATE, IN_TIME = VALUES.target_ms + 1, VALUES.target_ms


def after(values: QualityValues, *latencies_ms: float) -> float:
    quality = QualityFactor(values)
    for latency_ms in latencies_ms:
        quality.observe(latency_ms)
    return quality.factor


def test_a_late_call_cuts_what_ninety_nine_calls_in_time_give_back() -> None:
    assert after(VALUES, LATE) == pytest.approx(1 - 99 * VALUES.step)
    assert after(VALUES, LATE, *[IN_TIME] * 98) < 1
    assert after(VALUES, LATE, *[IN_TIME] * 99) == pytest.approx(1)


def test_it_never_leaves_its_bounds() -> None:
    assert after(VALUES, *[LATE] * 1_000) == VALUES.floor
    assert after(VALUES, *[LATE] * 1_000, *[IN_TIME] * 10_000) == 1


def test_it_stands_where_one_call_in_a_hundred_is_late() -> None:
    start = after(VALUES, LATE, LATE)
    assert after(VALUES, LATE, LATE, *([LATE] + [IN_TIME] * 99) * 20) == pytest.approx(start)


def test_the_first_calls_of_a_worker_count_for_nothing() -> None:
    values = replace(VALUES, warm_up_calls=10)
    assert after(values, *[LATE] * 10) == 1
    assert after(values, *[LATE] * 11) < 1


def test_it_can_be_switched_off() -> None:
    assert after(replace(VALUES, enabled=False), *[LATE] * 100) == 1
