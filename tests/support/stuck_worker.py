"""A worker process whose handlers never come back: `python -m tests.support.stuck_worker CONTROL SLOT THREADS`.

It prints its port when it serves, and sleeps in each Recommend as long as its parent lets it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from server.control_block import ControlBlock, WorkerState
from server.heartbeat import Heartbeat
from server.rpc.server_builder import PublicUseCases, ServerOptions, build_server
from tests.support.recording_use_cases import RecordingUseCases


def main() -> None:
    """Serves until it is killed."""
    control, slot = ControlBlock(Path(sys.argv[1])), int(sys.argv[2])
    heartbeat = Heartbeat(control, slot, timeout_ms=1_000)
    heartbeat.start()
    use_cases = RecordingUseCases(before=lambda: time.sleep(600))
    server = build_server(
        PublicUseCases(use_cases, use_cases, use_cases, use_cases),
        ServerOptions(read_threads=int(sys.argv[3]), stuck_threads_timeout_ms=1_000),
    )
    server.start()
    server.open()
    heartbeat.watch(server.threads_stuck)
    control.beat(slot)
    control.set_state(slot, WorkerState.SERVING)
    print(server.port, flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
