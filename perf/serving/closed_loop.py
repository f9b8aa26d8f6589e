"""Capacity, by h2load: raw HTTP/2 frames at a tenth of the cost of a Python client.

h2load sends one body a run and counts a gRPC error as success, so each run takes another user's body and the
replies are checked by a real client before and after.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass

from perf.serving.processes import GENERATOR_CORE, pinned
from perf.serving.requests import METHOD

CONNECTIONS = 4
STREAMS = 16


@dataclass(frozen=True, slots=True)
class Round:
    """One run: finished calls a second, and the share of its core that the generator used."""

    rps: float
    generator_cpu: float


def require_h2load() -> None:
    """Ends the measurement where h2load is missing, saying how to get it."""
    if shutil.which("h2load") is None:
        raise SystemExit("h2load is missing: apt-get install nghttp2-client")


def closed_loop(port: int, body: bytes, seconds: int) -> Round:
    """Returns what the server finished within the time, with CONNECTIONS x STREAMS calls always in flight."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(b"\0" + struct.pack(">I", len(body)) + body)
        file.flush()
        command = ["h2load", "-t1", f"-c{CONNECTIONS}", f"-m{STREAMS}", f"-D{seconds}", "--warm-up-time=1"]
        command += ["-H", "content-type: application/grpc", "-H", "te: trailers", "-d", file.name]
        command.append(f"http://127.0.0.1:{port}{METHOD}")
        timed = ["/usr/bin/env", "python3", "-c", _TIMED, json.dumps(command)]
        done = subprocess.run(
            pinned(GENERATOR_CORE, timed), capture_output=True, text=True, timeout=seconds + 30
        )
    return _read(done.stdout, seconds)


# Runs a command and prints the processor time of its children, which h2load does not tell.
_TIMED = """
import json, resource, subprocess, sys
done = subprocess.run(json.loads(sys.argv[1]), capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(done.stdout, done.stderr)
print("cpu_s", used.ru_utime + used.ru_stime)
"""


def _read(output: str, seconds: int) -> Round:
    rate = re.search(r"finished in [^,]*, ([\d.]+) req/s", output)
    states = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", output)
    used = re.search(r"cpu_s ([\d.]+)", output)
    if not (rate and states and used) or any(int(n) for n in states.groups()):
        raise SystemExit(f"h2load did not finish cleanly:\n{output}")
    return Round(float(rate.group(1)), float(used.group(1)) / (seconds + 1))
