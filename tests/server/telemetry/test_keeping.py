"""Which traces are kept, and how many."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from server.telemetry.call import Answer, Call
from server.telemetry.keeping import KeepValues, TraceKeeper

FULL = Answer((), "LOCAL_MODEL", (), "r1", "m1", 10, 10)
DEGRADED = FULL._replace(degraded=("DEADLINE",))


class Clock:
    """Seconds that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def fixed_seed() -> Iterator[None]:
    state = random.getstate()
    random.seed(7)
    yield
    random.setstate(state)


def keeper(clock: Clock, head_ratio: float = 0.0, rate_max: float = 50) -> TraceKeeper:
    return TraceKeeper(KeepValues(head_ratio, slow_ms=80, rate_max=rate_max), clock)


@pytest.mark.parametrize(
    ("answers", "sampled", "code", "duration_s", "reason"),
    [
        ((FULL,), False, "OK", 0.01, ""),
        ((FULL,), True, "OK", 0.01, "sampled"),
        ((FULL,), False, "OK", 0.081, "slow"),
        ((FULL, DEGRADED), False, "OK", 0.01, "degraded"),
        ((), False, "INVALID_ARGUMENT", 0.01, "error"),
        ((DEGRADED,), True, "INTERNAL", 0.2, "error"),
    ],
)
def test_trace_is_kept_for_the_gravest_reason(
    answers: tuple[Answer, ...], sampled: bool, code: str, duration_s: float, reason: str
) -> None:
    call = Call("a/B", 0.0, sampled, answers=answers)
    assert keeper(Clock()).reason_to_keep(call, code, duration_s) == reason


def test_head_sample_is_the_share_that_was_set() -> None:
    sampler = keeper(Clock(), head_ratio=0.01)
    assert 150 <= sum(sampler.samples() for _ in range(20_000)) <= 250


def test_no_more_pass_than_the_rate_allows() -> None:
    clock = Clock()
    limited = keeper(clock, rate_max=50)
    assert sum(limited.admits("OK") for _ in range(1_000)) == 50
    clock.now_s = 0.5
    assert sum(limited.admits("OK") for _ in range(1_000)) == 25
    clock.now_s = 100
    assert sum(limited.admits("OK") for _ in range(1_000)) == 50


def test_flood_of_refusals_leaves_half_of_the_rate_to_other_traces() -> None:
    limited = keeper(Clock(), rate_max=50)
    assert sum(limited.admits("RESOURCE_EXHAUSTED") for _ in range(1_000)) == 25
    assert sum(limited.admits("INTERNAL") for _ in range(1_000)) == 25
