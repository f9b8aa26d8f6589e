"""`make perf`: the server beside an echo server, then the report; `--full`: kernels, other sizes and two workers too."""

from __future__ import annotations

import subprocess
import sys

FULL = "--full"


def main() -> None:
    """Runs the measurements, one after the other; arguments but --full go to the first."""
    arguments = [word for word in sys.argv[1:] if word != FULL]
    _run("perf.serving", *arguments)
    if FULL in sys.argv:
        _run("perf.kernels")
        _run("perf.scale")
    _run("perf.report")


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)


if __name__ == "__main__":
    main()
