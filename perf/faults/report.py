"""What fault tests measured, each figure beside its pass mark."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from perf.machine import machine_facts


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. test: its name in the list of fault tests, such as T27. at_most: its pass mark."""

    test: str
    what: str
    measured: float
    at_most: float
    unit: str

    @property
    def passed(self) -> bool:
        """Returns whether the figure is within its mark."""
        return self.measured <= self.at_most


@dataclass(frozen=True, slots=True)
class Finding:
    """One test whose pass mark is about several figures at once. name: begins with the test's, such as T10."""

    name: str
    passed: bool
    measured: str
    mark: str


@dataclass(slots=True)
class Report:
    """Figures in the order in which they were measured. quick: shorter phases, for a look at the scripts themselves."""

    quick: bool = False
    figures: list[Figure] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def at_most(self, test: str, what: str, measured: float, mark: float, unit: str) -> None:
        """Adds a figure and prints it."""
        figure = Figure(test, what, float(measured), mark, unit)
        self.figures.append(figure)
        print(_line(figure), flush=True)

    def add(self, name: str, passed: bool, measured: str, mark: str) -> None:
        """Adds what a test found whose mark is about several figures at once, and prints it."""
        finding = Finding(name, bool(passed), measured, mark)
        self.findings.append(finding)
        print(_finding_line(finding), flush=True)

    def failed(self, what: str) -> None:
        """Notes a script that could not measure at all."""
        self.failures.append(what)
        print(f"FAIL  {what}", flush=True)

    @property
    def passed(self) -> bool:
        """Returns whether every figure is within its mark and every script ran."""
        held = [each.passed for each in (*self.figures, *self.findings)]
        return not self.failures and all(held)

    def write(self, path: Path) -> None:
        """Writes the report as JSON, with the machine that it was measured on."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "machine": machine_facts(),
            "quick": self.quick,
            "figures": [{**asdict(figure), "passed": figure.passed} for figure in self.figures],
            "findings": [asdict(finding) for finding in self.findings],
            "failures": self.failures,
        }
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def table(report: Report) -> str:
    """Returns what was measured, as lines of a table."""
    return "\n".join([*map(_line, report.figures), *map(_finding_line, report.findings)])


def _finding_line(finding: Finding) -> str:
    verdict = "pass" if finding.passed else "MISS"
    return f"{verdict}  {finding.name}: {finding.measured} (mark: {finding.mark})"


def _line(figure: Figure) -> str:
    verdict = "pass" if figure.passed else "MISS"
    measured = f"{figure.measured:>10,.4g} {figure.unit}"
    return f"{verdict}  {figure.test:<4} {figure.what:<64} {measured:<18} at most {figure.at_most:,.4g}"
