"""`python -m perf.kernels`: times every kernel beside its twin and writes perf/results/kernels.json."""

from __future__ import annotations

import argparse
import importlib
import json
import timeit
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ext import reference
from perf.kernels.cases import ROWS, Case, make_cases
from perf.machine import machine_facts

MODULES = ("blend", "cross_features", "history", "masks", "mmr", "neighbours", "scoring", "topk", "towers")
RESULTS = Path("perf/results/kernels.json")


def find_kernel(name: str) -> object:
    """Returns the compiled kernel of a name."""
    modules = [importlib.import_module(f"ext.{module}") for module in MODULES]
    return next(getattr(module, name) for module in modules if hasattr(module, name))


def best_us(function: object, case: Case, rounds: int) -> float:
    """Returns the best round's microseconds a call; the number of calls a round is set by a first try."""
    timer = timeit.Timer(lambda: function(*case.arguments))  # type: ignore[operator]
    calls, taken_s = timer.autorange()
    calls = max(1, int(calls * 0.1 / taken_s))
    return min(timer.repeat(rounds, calls)) / calls * 1e6


def main() -> None:
    """Measures, prints a table and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the release's columns")
    parser.add_argument("--rounds", type=int, default=5, help="rounds a figure; the best one counts")
    options = parser.parse_args()
    table = Table(title=f"Kernels beside their NumPy twins, {options.rows:,} rows, best of {options.rounds}")
    for heading in ("kernel", "size", "twin us", "kernel us", "ratio"):
        table.add_column(heading, justify="left" if heading in ("kernel", "size") else "right")
    figures = []
    for case in make_cases(rows=options.rows):
        twin = best_us(getattr(reference, case.kernel), case, options.rounds)
        kernel = best_us(find_kernel(case.kernel), case, options.rounds)
        table.add_row(case.kernel, case.size, f"{twin:,.1f}", f"{kernel:,.1f}", f"{twin / kernel:,.1f}")
        figures.append(
            {
                "kernel": case.kernel,
                "size": case.size,
                "twin_us": twin,
                "kernel_us": kernel,
                "ratio": twin / kernel,
            }
        )
    Console().print(table)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(
        json.dumps({"machine": machine_facts(), "rows": options.rows, "kernels": figures}, indent=2) + "\n"
    )
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
