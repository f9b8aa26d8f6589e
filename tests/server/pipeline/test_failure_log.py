from __future__ import annotations

import logging

import pytest

from server.pipeline.budget import RequestBudget
from server.pipeline.failure_log import FailureLog
from server.pipeline.query import Query, StageRecord
from tests.support.recommending import BUDGET, StandingClock


def query_with(*records: StageRecord) -> Query:
    budget = RequestBudget(BUDGET, float("inf"), StandingClock())
    return Query(num_items=1, budget=budget, records=list(records))


FAILED = StageRecord("SomeSource", "source", 0, 0, 0, 0, OSError("gone"))
LATE = StageRecord("SlowSource", "source", 0, 0, 0, 0, None, late=True)
FINE = StageRecord("GoodSource", "source", 0, 0, 0, 0)


def test_failures_are_counted_by_stage_and_kind() -> None:
    failures = FailureLog(StandingClock())
    failures.report(query_with(FAILED, LATE, FINE, FAILED))
    assert failures.counts == {("SomeSource", "OSError"): 2, ("SlowSource", "Late"): 1}


def test_same_failure_is_logged_once_an_interval(caplog: pytest.LogCaptureFixture) -> None:
    clock = StandingClock()
    failures = FailureLog(clock, interval_s=10)
    with caplog.at_level(logging.WARNING):
        failures.report(query_with(FAILED, FAILED))
        clock.now_s += 9
        failures.report(query_with(FAILED))
        assert len(caplog.records) == 1
        clock.now_s += 1
        failures.report(query_with(FAILED))
    assert [record.getMessage() for record in caplog.records] == [
        "stage SomeSource: OSError (1 so far)",
        "stage SomeSource: OSError (4 so far)",
    ]
    assert caplog.records[0].exc_info is not None
