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
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

from server.control_block import ControlBlock, SlotStatus, WorkerState
from server.restart_policy import RestartPolicy

log = logging.getLogger(__name__)

EXIT_CONFIGURATION = 78
"""A worker's exit code (EX_CONFIG) for a set-up that no restart can cure."""

_KILL_MARGIN_S = 2.0
_LATE_TICK = 5
_ASKED_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """What the parent holds its workers to. A worker gets start_timeout_s until its first heartbeat.

    start_heartbeat_timeout_ms: for a worker that does not serve yet, or any more: loading libraries, and letting go of
    them, stops all of a process's threads for longer than any request does.
    """

    workers: int
    heartbeat_timeout_ms: float
    drain_timeout_s: float
    start_timeout_s: float = 60.0
    start_heartbeat_timeout_ms: float = 10_000.0
    poll_interval_s: float = 0.1
    settled_after_s: float = 30.0


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
    ``kills`` counts workers that were killed, by reason, and ``waiting_seats`` is how many crash loops wait for their
    next start: for metrics.
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
    _ticked_ns: int = field(init=False, default=0)
    _awake_ns: int = field(init=False, default=0)
    kills: Counter[str] = field(init=False, default_factory=Counter)

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
        self._note_awake()
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
        # A round that is under way has the spare slot: one that is asked for meanwhile follows it.
        if self._restart_wanted and not self._rolling:
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
            lived_s = self.clock() - incumbent.started_s
            # One that was told to end, by whomever, has not failed.
            asked = code == 0 and lived_s >= _ASKED_AFTER_S
            delay_s = 0.0 if asked else seat.policy.delay_after(lived_s)
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
        serving = status.state is WorkerState.SERVING
        beat_ms = self.options.heartbeat_timeout_ms
        if not serving:
            beat_ms = max(beat_ms, self.options.start_heartbeat_timeout_ms)
        if now_s >= worker.kill_at_s:
            reason = "did not end in time"
        elif not status.heartbeat_ns and now_s - worker.started_s > self.options.start_timeout_s:
            reason = "did not start in time"
        elif status.state is WorkerState.STUCK:
            reason = "has every thread stuck"
        elif self._silence_ms(status) > beat_ms:
            reason = "stopped beating"
        else:
            return
        log.error("worker with pid %d %s: killed", worker.process.pid, reason)
        self.kills[reason] += 1
        worker.process.kill()
        worker.process.wait()

    def _note_awake(self) -> None:
        """Notes when this process itself came back from a pause: of the machine, of a debugger, for want of a core."""
        now_ns = time.monotonic_ns()
        if now_ns - self._ticked_ns > self.options.poll_interval_s * 1e9 * _LATE_TICK:
            self._awake_ns = now_ns
        self._ticked_ns = now_ns

    def _silence_ms(self, status: SlotStatus) -> float:
        """Returns how long a worker has not beaten while this process was there to notice."""
        now_ns = time.monotonic_ns()
        return min(status.heartbeat_age_ms(now_ns), (now_ns - self._awake_ns) / 1e6)

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

    @property
    def waiting_seats(self) -> int:
        """The number of seats that are empty until their back-off ends."""
        return sum(not seat.workers() and self.clock() < seat.start_at_s for seat in self._seats)

    def statuses(self) -> list[SlotStatus]:
        """Returns what every worker says of itself."""
        return self.control.workers()
