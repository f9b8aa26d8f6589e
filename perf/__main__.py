"""`make perf`: the kernels beside their twins, then the server beside an echo server."""

from __future__ import annotations

import subprocess
import sys


def main() -> None:
    """Runs both measurements, one after the other; arguments go to the second."""
    subprocess.run([sys.executable, "-m", "perf.kernels"], check=True)
    subprocess.run([sys.executable, "-m", "perf.serving", *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
