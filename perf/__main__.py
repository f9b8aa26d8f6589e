"""`make perf`: the server beside an echo server, then capacity and report; `--full`: all the rest too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FULL = "--full"
SUMMARY = Path("perf/results/summary.json")
NEED_SERVERS = ("perf.stores", "perf.model_server")
"""Cost of Redis and of a model server, where theirs start."""


def main() -> None:
    """Runs the measurements, one after the other; arguments but --full go to the first."""
    arguments = [word for word in sys.argv[1:] if word != FULL]
    _run("perf.serving", *arguments)
    if FULL in sys.argv:
        _run("perf.kernels")
        _run("perf.scale")
        _run("perf.swap", *_items())
        _run("perf.offline", *_items())
        for module in NEED_SERVERS:
            if subprocess.run([sys.executable, "-m", module], check=False).returncode:
                print(f"{module} is left out: what it says above is missing here")
    _run("perf.capacity", "--summary", str(SUMMARY))
    _run("perf.report")


def _items() -> list[str]:
    """Returns the arguments that name the world's size."""
    if "--items" not in sys.argv:
        return []
    place = sys.argv.index("--items")
    return sys.argv[place : place + 2]


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)


if __name__ == "__main__":
    main()
