"""`python -m perf.telemetry.cost`: one core with traces off beside one core with traces as they are by default (T58)."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from perf.machine import machine_facts
from perf.serving.closed_loop import closed_loop
from perf.serving.open_loop import open_loop
from perf.serving.processes import Running
from perf.telemetry.worlds import collector, copy_of, make_data, measured_server, port_of
from tests.support.server_process import ServerProcess

RESULTS = Path("perf/results/telemetry.json")
BASE_LOAD_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over rounds. cpu_us: of the worker, a call. loss: share of a core's throughput that tracing costs, by
    processor time, which neighbours disturb less than rates. p99_added_ms: at base load."""

    off_rps: float
    on_rps: float
    off_cpu_us: float
    on_cpu_us: float
    loss: float
    off_p99_ms: float
    on_p99_ms: float
    p99_added_ms: float
    rounds: int


@dataclass(frozen=True, slots=True)
class _Capacity:
    """One round of a closed loop."""

    rps: float
    cpu_us: float


def _capacity(server: ServerProcess, bodies: list[bytes], seconds: float) -> _Capacity:
    (worker,) = server.workers()
    loop = closed_loop(Running(port_of(server), worker.pid), bodies, seconds)
    return _Capacity(loop.rps, loop.cpu_us)


def measure(rounds: int, seconds: float) -> Cost:
    """Measures both in turns, so that a noisy neighbour hits both."""
    with tempfile.TemporaryDirectory() as folder, collector() as (_, url):
        data_dir, bodies = make_data(Path(folder))
        traced_dir = copy_of(data_dir, "traced")
        with (
            measured_server(data_dir) as off,
            measured_server(traced_dir, TELEMETRY__TRACES_URL=url) as on,
        ):
            ports = (port_of(off), port_of(on))
            pairs = [(_capacity(off, bodies, seconds), _capacity(on, bodies, seconds)) for _ in range(rounds)]
            base_rps = median(pair[0].rps for pair in pairs) * BASE_LOAD_SHARE
            tails = [
                tuple(open_loop(port, bodies, base_rps, seconds).p99_ms for port in ports)
                for _ in range(rounds)
            ]
    return Cost(
        off_rps=median(pair[0].rps for pair in pairs),
        on_rps=median(pair[1].rps for pair in pairs),
        off_cpu_us=median(pair[0].cpu_us for pair in pairs),
        on_cpu_us=median(pair[1].cpu_us for pair in pairs),
        loss=1 - median(off.cpu_us / on.cpu_us for off, on in pairs),
        off_p99_ms=median(pair[0] for pair in tails),
        on_p99_ms=median(pair[1] for pair in tails),
        p99_added_ms=median(on_ms - off_ms for off_ms, on_ms in tails),
        rounds=rounds,
    )


def main() -> None:
    """Measures, prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    figures = {**asdict(measure(options.rounds, options.seconds)), "machine": machine_facts()}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
