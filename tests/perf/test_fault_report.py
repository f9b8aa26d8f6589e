"""The report of the fault tests: figures and verdicts, and whether all passed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from perf.faults.report import Report, table

SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "perf/faults").glob("*_faults.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_scripts_call_only_what_the_report_has(script: Path) -> None:
    called = set(re.findall(r"\breport\.(\w+)\(", script.read_text()))
    assert {name for name in called if not hasattr(Report, name)} == set()


def test_figures_and_verdicts_are_written_with_their_outcome(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report()
    report.at_most("T27", "whole again", 2.5, 3.0, "s")
    report.add("T10 overload", True, "goodput 400/s", "80 % of the peak")
    assert report.passed
    report.add("T11 priority", False, "89 % answered", "99.9 %")
    assert not report.passed
    report.write(tmp_path / "faults.json")
    written = json.loads((tmp_path / "faults.json").read_text())
    assert [(figure["test"], figure["passed"]) for figure in written["figures"]] == [
        ("T27", True),
        ("T10 overload", True),
        ("T11 priority", False),
    ]
    assert capsys.readouterr().out.splitlines() == table(report.figures).splitlines()
    assert "MISS  T11 priority: 89 % answered (wanted: 99.9 %)" in table(report.figures)
