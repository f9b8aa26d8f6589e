"""What `make test-faults` writes down, and that each of its scripts can write it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from perf.faults.__main__ import run_script, scripts
from perf.faults.report import Report, table


def test_a_figure_above_its_mark_and_a_finding_that_does_not_hold_are_misses() -> None:
    report = Report()
    report.at_most("T27", "failed calls", 0, 0, "%")
    report.add("T3 drain", True, "0 of 10 calls failed", "0")
    assert report.passed
    report.add("T5 kill", False, "serving after 2.8 s", "2 s")
    assert not report.passed
    assert [line[:4] for line in table(report).splitlines()] == ["pass", "pass", "MISS"]
    other = Report()
    other.at_most("T27", "failed calls", 1, 0, "%")
    assert not other.passed


def test_what_a_script_has_found_before_it_fails_is_written_with_the_failure(tmp_path: Path) -> None:
    def fails(report: Report) -> None:
        report.add("T5 kill", True, "serving after 1.8 s", "2 s")
        raise TimeoutError("never")

    report = Report()
    run_script(report, "some_faults", fails)
    report.write(tmp_path / "faults.json")
    written = json.loads((tmp_path / "faults.json").read_text())
    assert [finding["name"] for finding in written["findings"]] == ["T5 kill"]
    assert written["failures"] == ["some_faults: TimeoutError: never"]
    assert not report.passed


@pytest.mark.parametrize(("name", "run"), scripts())
def test_every_script_reports_to_the_report_that_it_is_given(
    name: str, run: Callable[[Report], None]
) -> None:
    # Scripts are found by name, where no type checker sees what they are given.
    (asked,) = inspect.signature(run, eval_str=True).parameters.values()
    assert asked.annotation is Report, name
