"""Starts the Triton that tools/install_triton.sh makes, on the loopback address, and becomes it.

    python deploy/triton/run.py --repository data/model_repo [--port 8001] [--metrics-port 8002]

It serves no model until it is told to load one: a worker asks for the version of its release. SIGTERM ends it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
_LOOPBACK = "127.0.0.1"


def command(home: Path, repository: Path, port: int, metrics_port: int) -> list[str]:
    """Returns the server's command line. home: what tools/install_triton.sh prints."""
    return [
        str(home / "tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={home / 'backends'}",
        "--model-control-mode=explicit",
        # A model that does not load must not end the server.
        "--exit-on-error=false",
        "--strict-readiness=false",
        "--disable-auto-complete-config",
        "--allow-http=false",
        f"--grpc-address={_LOOPBACK}",
        f"--grpc-port={port}",
        f"--allow-metrics={'true' if metrics_port else 'false'}",
        f"--metrics-address={_LOOPBACK}",
        f"--metrics-port={metrics_port}",
        "--exit-timeout-secs=5",
        "--pinned-memory-pool-byte-size=0",
        f"--backend-config=python,shm-region-prefix-name={shared_memory_prefix(port)}",
    ]


def shared_memory_prefix(port: int) -> str:
    """Returns what the names of the server's shared memory in /dev/shm begin with; one that is killed leaves it there."""
    return f"shortlist_triton_{port}_"


def environment(home: Path) -> dict[str, str]:
    """Returns the server's environment: its libraries, and the Python whose packages the backend imports."""
    path = os.environ.get("PATH", os.defpath)
    return {
        "PATH": f"{home / 'venv' / 'bin'}{os.pathsep}{path}",
        "VIRTUAL_ENV": str(home / "venv"),
        "LD_LIBRARY_PATH": str(home / "lib"),
        # One thread a model instance: requests share the cores, operators do not.
        "OMP_NUM_THREADS": "1",
        "HOME": os.environ.get("HOME", "/"),
    }


def installed() -> Path:
    """Returns the folder of the installation, which is made where there is none. Raises CalledProcessError."""
    script = _CHECKOUT / "tools" / "install_triton.sh"
    found = subprocess.run([script], check=True, stdout=subprocess.PIPE, text=True)
    return Path(found.stdout.strip())


def main() -> None:
    """Replaces this process by the server."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repository", type=Path, required=True, help="the data directory's model_repo")
    parser.add_argument("--port", type=int, default=8001, help="gRPC port [8001]")
    parser.add_argument(
        "--metrics-port", type=int, default=0, help="port of Prometheus metrics; 0 = none [0]"
    )
    given = parser.parse_args()
    home = installed()
    line = command(home, given.repository.resolve(), given.port, given.metrics_port)
    os.execve(line[0], line, environment(home))


if __name__ == "__main__":
    main()
