"""The parent with real worker processes that do nothing but hold a slot of the control block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.control_block import ControlBlock, WorkerState
from server.restart_policy import RestartPolicy
from server.supervisor import EXIT_CONFIGURATION, Supervisor, SupervisorOptions

WORKER = """
import signal, sys, threading
from pathlib import Path
from server.control_block import ControlBlock, WorkerState
block, slot, stop = ControlBlock(Path(sys.argv[1])), int(sys.argv[2]), threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
block.beat(slot)
block.set_state(slot, WorkerState.SERVING)
while not stop.wait(0.02):
    block.beat(slot)
"""

OPTIONS = SupervisorOptions(
    workers=2, heartbeat_timeout_ms=600, drain_timeout_s=5, start_timeout_s=30, poll_interval_s=0.02
)
TICKS_MAX = 1_500


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlBlock]:
    block = ControlBlock.create(tmp_path / "control", slots=3)
    yield block
    block.close()


@pytest.fixture
def supervisor(control: ControlBlock) -> Iterator[Supervisor]:
    made = Supervisor(OPTIONS, control, starter(control))
    yield made
    made.stop()
    tick_until(made, lambda: not made.statuses())


def starter(control: ControlBlock, code: str = WORKER) -> Callable[[int, int], subprocess.Popen[bytes]]:
    def start(seat: int, slot: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", code, str(control.path), str(slot)])

    return start


def tick_until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    """Lets the supervisor work until the condition holds; fails after half a minute."""
    pause = threading.Event()
    for _ in range(TICKS_MAX):
        supervisor.tick()
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("the condition never held")


def serving_pids(supervisor: Supervisor) -> set[int]:
    return {status.pid for status in supervisor.statuses() if status.state is WorkerState.SERVING}


def all_serve(supervisor: Supervisor) -> Callable[[], bool]:
    return lambda: len(serving_pids(supervisor)) == OPTIONS.workers


def test_ready_is_said_once_when_every_worker_serves(control: ControlBlock) -> None:
    said: list[int] = []
    supervisor = Supervisor(OPTIONS, control, starter(control), on_ready=lambda: said.append(1))
    tick_until(supervisor, lambda: bool(said))
    assert len(serving_pids(supervisor)) == 2
    supervisor.tick()
    supervisor.stop()
    tick_until(supervisor, lambda: not supervisor.statuses())
    assert said == [1]


def test_killed_worker_is_replaced_at_once(supervisor: Supervisor) -> None:
    tick_until(supervisor, all_serve(supervisor))
    before = serving_pids(supervisor)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    tick_until(supervisor, lambda: victim not in serving_pids(supervisor) and all_serve(supervisor)())
    assert len(serving_pids(supervisor) & before) == 1


def test_worker_that_hangs_is_killed_and_replaced(supervisor: Supervisor) -> None:
    tick_until(supervisor, all_serve(supervisor))
    victim = min(serving_pids(supervisor))
    os.kill(victim, signal.SIGSTOP)
    tick_until(supervisor, lambda: victim not in serving_pids(supervisor) and all_serve(supervisor)())


def test_worker_that_says_it_is_stuck_is_killed_and_replaced(
    supervisor: Supervisor, control: ControlBlock
) -> None:
    tick_until(supervisor, all_serve(supervisor))
    victim = supervisor.statuses()[0]
    control.set_state(victim.slot, WorkerState.STUCK)
    tick_until(supervisor, lambda: victim.pid not in serving_pids(supervisor) and all_serve(supervisor)())
    assert supervisor.kills == {"has every thread stuck": 1}


def test_a_parent_that_was_away_itself_holds_no_worker_to_that_time(
    supervisor: Supervisor, control: ControlBlock
) -> None:
    tick_until(supervisor, all_serve(supervisor))
    before = serving_pids(supervisor)
    for pid in before:
        os.kill(pid, signal.SIGSTOP)
    threading.Event().wait(1.2)  # twice the timeout, in which the parent does not look
    supervisor.tick()
    assert serving_pids(supervisor) == before
    for pid in before:
        os.kill(pid, signal.SIGCONT)
    tick_until(supervisor, all_serve(supervisor))
    assert serving_pids(supervisor) == before


def test_rolling_restart_replaces_every_worker_and_never_serves_with_fewer(supervisor: Supervisor) -> None:
    tick_until(supervisor, all_serve(supervisor))
    before = serving_pids(supervisor)
    fewest: list[int] = []

    def all_new() -> bool:
        fewest.append(len(serving_pids(supervisor)))
        return not serving_pids(supervisor) & before and len(supervisor.statuses()) == OPTIONS.workers

    supervisor.restart()
    tick_until(supervisor, all_new)
    assert min(fewest) >= OPTIONS.workers


def test_a_restart_asked_for_in_the_middle_of_one_follows_it(supervisor: Supervisor) -> None:
    tick_until(supervisor, all_serve(supervisor))
    first = serving_pids(supervisor)
    supervisor.restart()
    # The first seat is new, the second has its successor beside it: every slot is taken.
    tick_until(
        supervisor, lambda: len(first & serving_pids(supervisor)) == 1 and len(supervisor.statuses()) == 3
    )
    middle = serving_pids(supervisor) - first
    supervisor.restart()
    tick_until(
        supervisor,
        lambda: (
            not serving_pids(supervisor) & (first | middle) and len(supervisor.statuses()) == OPTIONS.workers
        ),
    )


def test_successor_that_cannot_start_leaves_the_incumbents_alone(control: ControlBlock) -> None:
    supervisor = Supervisor(OPTIONS, control, starter(control))
    tick_until(supervisor, all_serve(supervisor))
    before = serving_pids(supervisor)
    supervisor.start_worker = starter(control, "raise SystemExit(1)")
    ended: list[bool] = []
    supervisor.restart()
    tick_until(
        supervisor, lambda: ended.append(len(supervisor.statuses()) == 3) or ended[-2:] == [True, False]
    )
    assert serving_pids(supervisor) == before
    supervisor.stop()
    tick_until(supervisor, lambda: not supervisor.statuses())


def test_stop_ends_every_worker(supervisor: Supervisor) -> None:
    tick_until(supervisor, all_serve(supervisor))
    supervisor.stop()
    tick_until(supervisor, lambda: not supervisor.statuses())
    assert not supervisor.tick()


def test_worker_that_ignores_the_order_to_stop_is_killed(control: ControlBlock) -> None:
    deaf = WORKER.replace("lambda *_: stop.set()", "signal.SIG_IGN")
    options = SupervisorOptions(workers=1, heartbeat_timeout_ms=5_000, drain_timeout_s=-1.9)
    supervisor = Supervisor(options, control, starter(control, deaf))
    tick_until(supervisor, lambda: len(serving_pids(supervisor)) == 1)
    supervisor.stop()
    tick_until(supervisor, lambda: not supervisor.statuses())


def test_crash_loop_is_slowed_down(control: ControlBlock) -> None:
    now = [0.0]
    starts: list[float] = []
    start = starter(control, "raise SystemExit(1)")

    def counted(seat: int, slot: int) -> subprocess.Popen[bytes]:
        starts.append(now[0])
        process = start(seat, slot)
        process.wait()
        return process

    options = SupervisorOptions(workers=1, heartbeat_timeout_ms=5_000, drain_timeout_s=1)
    supervisor = Supervisor(options, control, counted, clock=lambda: now[0])
    waiting: list[int] = []
    for _ in range(12):
        supervisor.tick()
        waiting.append(supervisor.waiting_seats)
        now[0] += 1.0
    assert waiting[6:11] == [0, 1, 1, 1, 1]
    # An end is noticed one tick later; from there on it waits 0, 1, 2 and 4 s.
    assert starts == [0.0, 1.0, 3.0, 6.0, 11.0]


def test_workers_that_are_told_to_end_again_and_again_are_replaced_at_once(control: ControlBlock) -> None:
    now = [0.0]
    options = SupervisorOptions(workers=1, heartbeat_timeout_ms=5_000, drain_timeout_s=5)
    supervisor = Supervisor(options, control, starter(control), clock=lambda: now[0])
    for _ in range(3):
        tick_until(supervisor, lambda: len(serving_pids(supervisor)) == 1)
        (pid,) = serving_pids(supervisor)
        now[0] += 2.0
        os.kill(pid, signal.SIGTERM)
        tick_until(supervisor, lambda pid=pid: pid not in {s.pid for s in supervisor.statuses()})  # type: ignore[misc]
        assert supervisor.waiting_seats == 0
    supervisor.stop()
    tick_until(supervisor, lambda: not supervisor.statuses())


def test_set_up_that_no_restart_can_cure_ends_the_parent(control: ControlBlock) -> None:
    code = f"raise SystemExit({EXIT_CONFIGURATION})"
    assert Supervisor(OPTIONS, control, starter(control, code)).run() == EXIT_CONFIGURATION
    assert control.workers() == []


def test_delay_doubles_to_its_limit_and_starts_anew_after_a_settled_life() -> None:
    policy = RestartPolicy(settled_after_s=30)
    assert [policy.delay_after(1) for _ in range(8)] == [0, 1, 2, 4, 8, 16, 30, 30]
    assert policy.delay_after(31) == 0
    assert policy.delay_after(1) == 1
