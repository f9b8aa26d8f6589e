"""The parent process: starts workers by exec, watches them, replaces them. Knows no gRPC and reads no settings.

A *seat* is a place that has to be filled, numbered from 0; a *slot* is a worker's place in the control block. There
is one slot more than seats, so that a rolling restart can start the successor before it stops the incumbent.
"""

from __future__ import annotations

import logging
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

from server.control_block import ControlBlock, SlotStatus, WorkerState

log = logging.getLogger(__name__)

EXIT_CONFIGURATION = 78
"""A worker's exit code (EX_CONFIG) for a set-up that no restart can cure."""

_KILL_MARGIN_S = 2.0


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """What the parent holds its workers to. A worker gets start_timeout_s until its first heartbeat."""

    workers: int
    heartbeat_timeout_ms: float
    drain_timeout_s: float
    start_timeout_s: float = 60.0
    poll_interval_s: float = 0.1
    settled_after_s: float = 30.0


@dataclass(slots=True)
class RestartPolicy:
    """When a worker that ended is started again: at once, then after 1 s, doubling to 30 s.

    A worker that lived for settled_after_s counts as settled: its end starts the series anew.
    """

    settled_after_s: float
    delay_first_s: float = 1.0
    delay_max_s: float = 30.0
    _next_delay_s: float = 0.0

    def delay_after(self, lived_s: float) -> float:
        """Returns how long to wait before the next start, given how long the last worker lived."""
        if lived_s >= self.settled_after_s:
            self._next_delay_s = 0.0
        delay = self._next_delay_s
        self._next_delay_s = min(max(delay * 2, self.delay_first_s), self.delay_max_s)
        return delay


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    slot: int
    started_s: float
    kill_at_s: float = float("inf")

    @property
    def draining(self) -> bool:
        return self.kill_at_s != float("inf")


@dataclass(slots=True)
class _Seat:
    number: int
    policy: RestartPolicy
    incumbent: _Worker | None = None
    successor: _Worker | None = None
    start_at_s: float = 0.0

    def workers(self) -> list[_Worker]:
        return [worker for worker in (self.incumbent, self.successor) if worker is not None]


@dataclass(slots=True)
class Supervisor:
    """Keeps every seat filled until it is told to stop.

    start_worker: starts the process of (seat, slot). on_ready: called once, when every seat serves.
    clock: seconds, for back-off and time limits; heartbeats are on time.monotonic_ns() as workers write it.
    """

    options: SupervisorOptions
    control: ControlBlock
    start_worker: Callable[[int, int], subprocess.Popen[bytes]]
    on_ready: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    _seats: list[_Seat] = field(init=False)
    _rolling: list[_Seat] = field(init=False, default_factory=list)
    _ready: bool = field(init=False, default=False)
    _stop_wanted: bool = field(init=False, default=False)
    _restart_wanted: bool = field(init=False, default=False)
    _stopping: bool = field(init=False, default=False)
    _exit_code: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._seats = [
            _Seat(number, RestartPolicy(self.options.settled_after_s))
            for number in range(self.options.workers)
        ]

    def run(self) -> int:
        """Runs until stopped by SIGTERM or SIGINT; SIGHUP replaces the workers one by one.

        Returns the exit code: 0, or EXIT_CONFIGURATION when no worker could ever start. Main thread only.
        """
        receiver, sender = socket.socketpair()
        sender.setblocking(False)
        previous_fd = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        handlers = {
            signal.SIGTERM: self._on_stop,
            signal.SIGINT: self._on_stop,
            signal.SIGHUP: self._on_restart,
            signal.SIGCHLD: lambda *_: None,
        }
        previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            while self.tick():
                select.select([receiver], [], [], self.options.poll_interval_s)
                with suppress(BlockingIOError):
                    receiver.recv(4096, socket.MSG_DONTWAIT)
        finally:
            self._kill_all()
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous_fd)
            receiver.close()
            sender.close()
        return self._exit_code

    def stop(self) -> None:
        """Asks for every worker to be drained; run() returns when the last has ended. Safe in a signal handler."""
        self._stop_wanted = True

    def restart(self) -> None:
        """Asks for the workers to be replaced one after the other, each successor serving before its incumbent
        drains. Safe in a signal handler."""
        self._restart_wanted = True

    def tick(self) -> bool:
        """Does what is due now; returns whether there is anything left to watch."""
        self._take_orders()
        for seat in self._seats:
            self._reap(seat)
            for worker in seat.workers():
                self._kill_if_overdue(worker)
            if not self._stopping and not seat.workers() and self.clock() >= seat.start_at_s:
                seat.incumbent = self._start(seat)
        if not self._stopping:
            self._roll()
            self._announce()
        return not self._stopping or any(seat.workers() for seat in self._seats)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop()

    def _on_restart(self, number: int, frame: FrameType | None) -> None:
        self.restart()

    def _take_orders(self) -> None:
        if self._stop_wanted and not self._stopping:
            self._stopping = True
            for seat in self._seats:
                for worker in seat.workers():
                    self._drain(worker)
        if self._restart_wanted:
            self._restart_wanted = False
            self._rolling = list(self._seats)

    def _start(self, seat: _Seat) -> _Worker:
        used = {worker.slot for other in self._seats for worker in other.workers()}
        slot = next(slot for slot in range(self.control.slots) if slot not in used)
        self.control.claim(slot)
        process = self.start_worker(seat.number, slot)
        self.control.set_pid(slot, process.pid)
        log.info("worker %d started, pid %d", seat.number, process.pid)
        return _Worker(process, slot, self.clock())

    def _reap(self, seat: _Seat) -> None:
        """Takes note of ended workers, and says when the seat is to be filled again."""
        successor, incumbent = seat.successor, seat.incumbent
        if successor is not None and (code := self._ended(successor)) is not None:
            seat.successor = None
            self._rolling.clear()
            log.error("the successor of worker %d ended with %s; restart given up", seat.number, code)
        if incumbent is None or (code := self._ended(incumbent)) is None:
            return
        seat.incumbent, seat.successor = seat.successor, None
        if seat.incumbent is not None:
            self._rolling.remove(seat)
        elif code == EXIT_CONFIGURATION and not self._ready:
            self._exit_code = code
            self.stop()
        elif not self._stopping:
            delay_s = seat.policy.delay_after(self.clock() - incumbent.started_s)
            seat.start_at_s = self.clock() + delay_s
            log.warning("worker %d ended with %s; next start in %.0f s", seat.number, code, delay_s)

    def _ended(self, worker: _Worker) -> int | None:
        code = worker.process.poll()
        if code is not None:
            self.control.clear(worker.slot)
        return code

    def _kill_if_overdue(self, worker: _Worker) -> None:
        """Kills a worker that does not end, does not start, or has stopped beating."""
        now_s = self.clock()
        status = self.control.status(worker.slot)
        if now_s >= worker.kill_at_s:
            reason = "did not end in time"
        elif not status.heartbeat_ns and now_s - worker.started_s > self.options.start_timeout_s:
            reason = "did not start in time"
        elif status.heartbeat_age_ms(time.monotonic_ns()) > self.options.heartbeat_timeout_ms:
            reason = "stopped beating"
        else:
            return
        log.error("worker with pid %d %s: killed", worker.process.pid, reason)
        worker.process.kill()
        worker.process.wait()

    def _roll(self) -> None:
        """Moves the rolling restart on by one step where it can."""
        if not self._rolling:
            return
        seat = self._rolling[0]
        if seat.incumbent is None:
            self._rolling.pop(0)
        elif seat.successor is None:
            seat.successor = self._start(seat)
        elif not seat.incumbent.draining and self._state_of(seat.successor) is WorkerState.SERVING:
            self._drain(seat.incumbent)

    def _announce(self) -> None:
        if self._ready:
            return
        states = [self._state_of(seat.incumbent) for seat in self._seats]
        if all(state is WorkerState.SERVING for state in states):
            self._ready = True
            self.on_ready()

    def _state_of(self, worker: _Worker | None) -> WorkerState:
        return self.control.status(worker.slot).state if worker else WorkerState.EMPTY

    def _drain(self, worker: _Worker) -> None:
        worker.kill_at_s = self.clock() + self.options.drain_timeout_s + _KILL_MARGIN_S
        with suppress(ProcessLookupError):
            worker.process.terminate()

    def _kill_all(self) -> None:
        for seat in self._seats:
            for worker in seat.workers():
                if worker.process.poll() is None:
                    worker.process.kill()
                    worker.process.wait()
                self.control.clear(worker.slot)

    def statuses(self) -> list[SlotStatus]:
        """Returns what every worker says of itself."""
        return self.control.workers()
