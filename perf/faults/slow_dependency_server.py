"""A worker's front with a dependency that takes as long as a file says: `python -m perf.faults.slow_dependency_server FILE`.

The real admission, lanes and gRPC options; behind them each call waits as a thread waits for a remote answer. It prints
its port, and from then on "time limit" once a window: how the limit follows.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

from server.admission.admission import Admission, AdmissionValues
from server.rpc.server_builder import PublicUseCases, ServerOptions, build_server
from tests.support.recording_use_cases import RecordingUseCases

THREADS = 8
PRINT_INTERVAL_S = 0.1


class _Waiting(RecordingUseCases):
    """Remembers nothing: this server answers many calls."""

    def _record(self, method: str, *arguments: object) -> None:
        if self.before is not None:
            self.before()


def main() -> None:
    """Serves until SIGTERM."""
    file = Path(sys.argv[1])
    delay_s = float(file.read_text())
    stop = threading.Event()

    def wait() -> None:
        time.sleep(delay_s)

    use_cases = _Waiting(before=wait)
    admission = Admission(AdmissionValues())
    options = ServerOptions(read_threads=THREADS, admission=AdmissionValues())
    server = build_server(PublicUseCases(use_cases, use_cases, use_cases, use_cases), options, admission)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server.start()
    server.open()
    print(server.port, flush=True)
    while not stop.wait(PRINT_INTERVAL_S):
        delay_s = float(file.read_text() or delay_s)
        print(time.monotonic(), admission.limit, flush=True)
    server.drain(1)


if __name__ == "__main__":
    main()
