"""`make test-faults`: runs every script of this folder, prints measured figures beside pass marks, writes them down.

A script is a module `<name>_faults` with a function `run(report)`. One that raises counts as failed; the others run.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from perf.faults.report import Report, table

RESULT = Path("perf/results/faults.json")


def main() -> None:
    """Runs the chosen scripts; the exit code is 1 when a figure misses its mark or a script fails."""
    arguments = parsed()
    report = Report(quick=arguments.quick)
    for name, run in scripts():
        if arguments.only and name not in arguments.only:
            continue
        run_script(report, name, run)
    report.write(arguments.json)
    print(f"\n{table(report.figures)}\n{arguments.json} holds them")
    sys.exit(0 if report.passed else 1)


def parsed() -> argparse.Namespace:
    """Returns the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m perf.faults", description=__doc__)
    parser.add_argument("--json", type=Path, default=RESULT, help="where the figures go")
    parser.add_argument("--quick", action="store_true", help="shorter phases; the figures are no measurement")
    parser.add_argument("only", nargs="*", help="scripts to run, such as redis_faults; all without one")
    return parser.parse_args()


def scripts() -> list[tuple[str, Callable[[Report], None]]]:
    """Returns the scripts of this folder, by name."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*_faults.py"))
    return [(name, importlib.import_module(f"perf.faults.{name}").run) for name in names]


def run_script(report: Report, name: str, run: Callable[[Report], None]) -> None:
    """Runs one script; what it raises becomes a failure of the report."""
    print(f"\n== {name}", flush=True)
    try:
        run(report)
    except Exception as error:
        traceback.print_exc()
        report.failed(f"{name}: {type(error).__name__}: {error}")


def run_alone(run: Callable[[Report], None]) -> None:
    """Runs the script that was started as a module by itself."""
    arguments = parsed()
    report = Report(quick=arguments.quick)
    run(report)
    report.write(arguments.json)
    sys.exit(0 if report.passed else 1)


if __name__ == "__main__":
    main()
