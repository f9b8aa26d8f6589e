"""A switch is over when every worker that serves has looked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.control_block import ControlBlock, WorkerState
from server.errors import Unavailable
from server.release_switch import ReleaseSwitch


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlBlock]:
    block = ControlBlock.create(tmp_path / "control", slots=3)
    for slot, state in enumerate((WorkerState.SERVING, WorkerState.SERVING, WorkerState.STARTING)):
        block.claim(slot)
        block.set_pid(slot, 100 + slot)
        block.set_applied(slot, 0, "a", 4)
        block.set_state(slot, state)
    yield block
    block.close()


class Workers:
    """Workers that look one by one, each time the switch sleeps."""

    def __init__(self, control: ControlBlock, *, answering: int = 2) -> None:
        self.now_s, self.looked = 0.0, 0
        self._control, self._answering = control, answering

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        if self.looked < self._answering:
            self._control.set_applied(self.looked, self._control.release_generation(), "b", 5)
            self.looked += 1

    def switch(self) -> ReleaseSwitch:
        return ReleaseSwitch(self._control, timeout_s=1.0, sleep=self.sleep, clock=lambda: self.now_s)


def test_switch_answers_when_the_last_serving_worker_has_looked(control: ControlBlock) -> None:
    workers = Workers(control)
    statuses = workers.switch().announce_and_wait()
    assert workers.looked == 2
    assert [(status.worker, status.pid, status.release_version) for status in statuses] == [
        (0, 100, "b"),
        (1, 101, "b"),
    ]


def test_worker_that_does_not_look_in_time_is_told(control: ControlBlock) -> None:
    with pytest.raises(Unavailable) as caught:
        Workers(control, answering=1).switch().announce_and_wait()
    assert caught.value.reason == "SWITCH_PENDING"


def test_worker_that_ends_meanwhile_is_not_waited_for(control: ControlBlock) -> None:
    workers = Workers(control, answering=1)
    control.clear(1)
    assert [status.worker for status in workers.switch().announce_and_wait()] == [0]
