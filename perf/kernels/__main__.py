"""`python -m perf.kernels`: times every kernel beside its twin and writes perf/results/kernels.json."""

from __future__ import annotations

import argparse
import importlib
import json
import time
import timeit
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

from ext import reference
from perf.kernels.cases import ROWS, Case, make_cases
from perf.machine import machine_facts

MODULES = (
    "blend", "cross_features", "graph", "history", "keys", "masks", "mmr", "neighbours", "reply", "request", "scoring", "tensors",
    "topk", "towers", "user_input", "weights",
)  # fmt: skip
ROUND_S = 0.05
TABLE_WIDTH = 130
RESULTS = Path("perf/results/kernels.json")


def find_kernel(name: str) -> Callable[..., object]:
    """Returns the compiled kernel of a name."""
    modules = [importlib.import_module(f"ext.{module}") for module in MODULES]
    return next(getattr(module, name) for module in modules if hasattr(module, name))


def calls_timer(function: Callable[..., object], calls: Sequence[tuple[object, ...]]) -> Callable[[], float]:
    """Returns what times one round: microseconds of processor time a call, the calls taken in turn."""
    in_turn = cycle(calls)
    timer = timeit.Timer(lambda: function(*next(in_turn)), timer=time.thread_time)
    number, taken_s = timer.autorange()
    number = max(len(calls), int(number * ROUND_S / taken_s))
    return lambda: timer.timeit(number) / number * 1e6


def compare(case: Case, rounds: int) -> dict[str, object]:
    """Returns the figures of one kernel and its twin: with the same rows again, and with others each time.

    Rounds alternate between the two, so that a noisy neighbour hits both; the best round of each counts.
    """
    figures: dict[str, object] = {"kernel": case.kernel, "size": case.size}
    passes = {"": case.calls[:1]} | ({"cold_": case.calls} if len(case.calls) > 1 else {})
    for prefix, calls in passes.items():
        time_twin = calls_timer(getattr(reference, case.kernel), calls)
        time_kernel = calls_timer(find_kernel(case.kernel), calls)
        twins, kernels = zip(*((time_twin(), time_kernel()) for _ in range(rounds)), strict=True)
        twin, kernel = min(twins), min(kernels)
        figures |= {f"{prefix}twin_us": twin, f"{prefix}kernel_us": kernel, f"{prefix}ratio": twin / kernel}
    return figures


def figures_table(figures: list[dict[str, object]], title: str) -> Table:
    """Returns the figures for a reader."""
    table = Table(title=title)
    headings = (
        "kernel",
        "size",
        "twin us",
        "kernel us",
        "ratio",
        "cold twin us",
        "cold kernel us",
        "cold ratio",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("kernel", "size") else "right")
    for row in figures:
        cells = [row.get(heading.replace(" ", "_"), "") for heading in headings]
        table.add_row(*(f"{cell:,.1f}" if isinstance(cell, float) else str(cell) for cell in cells))
    return table


def main() -> None:
    """Measures, prints a table and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the release's columns")
    parser.add_argument("--rounds", type=int, default=5, help="rounds a figure; the best one counts")
    options = parser.parse_args()
    # The server gives a request one core; a BLAS that spreads over more would not be what the twin costs there.
    with threadpool_limits(1):
        cases = make_cases(rows=options.rows)
        figures = [compare(case, options.rounds) for case in track(cases, "measuring", transient=True)]
    title = f"Kernels beside their NumPy twins, {options.rows:,} rows, best of {options.rounds}, one thread"
    Console(width=max(Console().width, TABLE_WIDTH)).print(figures_table(figures, title))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(
        json.dumps({"machine": machine_facts(), "rows": options.rows, "kernels": figures}, indent=2) + "\n"
    )
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
