"""What fault tests measured, each figure beside its pass mark."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
class Verdict:
    """What a script judged by several figures at once. measured, mark: as a person reads them."""

    test: str
    passed: bool
    measured: str
    mark: str


@dataclass(slots=True)
class Report:
    """Figures and verdicts in the order in which they were measured. quick: shorter phases, for a look at the scripts themselves."""

    quick: bool = False
    figures: list[Figure | Verdict] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def at_most(self, test: str, what: str, measured: float, mark: float, unit: str) -> None:
        """Adds a figure and prints it."""
        figure = Figure(test, what, float(measured), mark, unit)
        self.figures.append(figure)
        print(_line(figure), flush=True)

    def add(self, test: str, passed: bool, measured: str, mark: str) -> None:
        """Adds a verdict and prints it. test: its name in the list of fault tests, and what it looked at."""
        verdict = Verdict(test, passed, measured, mark)
        self.figures.append(verdict)
        print(_line(verdict), flush=True)

    def failed(self, what: str) -> None:
        """Notes a script that could not measure at all."""
        self.failures.append(what)
        print(f"FAIL  {what}", flush=True)

    @property
    def passed(self) -> bool:
        """Returns whether every figure is within its mark and every script ran."""
        return not self.failures and all(figure.passed for figure in self.figures)

    def write(self, path: Path) -> None:
        """Writes the report as JSON, with the machine that it was measured on."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "machine": machine_facts(),
            "quick": self.quick,
            "figures": [{**asdict(figure), "passed": figure.passed} for figure in self.figures],
            "failures": self.failures,
        }
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def table(figures: Sequence[Figure | Verdict]) -> str:
    """Returns the figures as lines of a table."""
    return "\n".join(map(_line, figures))


def _line(figure: Figure | Verdict) -> str:
    verdict = "pass" if figure.passed else "MISS"
    if isinstance(figure, Verdict):
        return f"{verdict}  {figure.test}: {figure.measured} (wanted: {figure.mark})"
    measured = f"{figure.measured:>10,.4g} {figure.unit}"
    return f"{verdict}  {figure.test:<4} {figure.what:<64} {measured:<18} at most {figure.at_most:,.4g}"
