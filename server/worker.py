"""One worker process: takes its slot, serves until it is told to stop, drains, ends.

Started by the parent with `python -m server worker`. It beats from before the first import of gRPC until the end, so
that a start or a drain that hangs is noticed like any other hang.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys

from server.control_block import ControlBlock, WorkerState
from server.errors import ShortlistError
from server.heartbeat import Heartbeat
from server.settings import Settings
from server.supervisor import EXIT_CONFIGURATION
from server.worker_place import WorkerPlace

log = logging.getLogger(__name__)

# A thread that comes back from LMDB or a kernel waits this long for the interpreter's lock when others are busy, and
# does so several times a request; Python's own 5 ms would add up to the deadline.
_SWITCH_INTERVAL_S = 0.0005

# Requests leave no cycles behind, and what is made until the first of them stays: collections are to look at neither.
_GARBAGE_THRESHOLD = 10_000
_MASKED = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


def run_worker(settings: Settings, place: WorkerPlace) -> int:
    """Serves until SIGTERM; returns the exit code: 0, or EXIT_CONFIGURATION where no restart would help.

    A terminal's SIGINT and SIGHUP reach the whole process group; the parent answers to them, not its workers.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _MASKED)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    control = ControlBlock(place.control_path)
    heartbeat = Heartbeat(control, place.slot, settings.server.heartbeat_timeout_ms)
    heartbeat.start()
    try:
        return _serve(settings, place, control, heartbeat)
    finally:
        heartbeat.stop()


def _serve(settings: Settings, place: WorkerPlace, control: ControlBlock, heartbeat: Heartbeat) -> int:
    from server.app.app import App

    try:
        app = App.build(settings, place, control)
    except ShortlistError as error:
        log.error("this server cannot start: %s (%s)", error.message, error.reason)
        return EXIT_CONFIGURATION
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)
    app.start()
    heartbeat.watch(app.threads_stuck)
    control.set_state(place.slot, WorkerState.SERVING)
    signal.sigwait({signal.SIGTERM})
    control.set_state(place.slot, WorkerState.DRAINING)
    app.drain_and_stop()
    return 0
