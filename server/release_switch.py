"""Switching all workers of one server to the current release, and knowing when they have."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from server.control_block import ControlBlock, WorkerState
from server.errors import Unavailable
from server.handlers.messages import WorkerStatus

_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class ReleaseSwitch:
    """Speaks to the workers through the control block.

    timeout_s: how long a switch may take, verification and prefaulting included.
    """

    control: ControlBlock
    timeout_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def announce_and_wait(self) -> list[WorkerStatus]:
        """Tells every worker to look at the current release; returns what each serves once all have looked.

        A worker that is starting opens the current release by itself and is not waited for, nor is one that
        drains. Raises Unavailable when one does not answer in time; it goes on serving what it has.
        """
        generation = self.control.bump_release_generation()
        give_up_s = self.clock() + self.timeout_s
        while not self._all_looked(generation):
            if self.clock() >= give_up_s:
                raise Unavailable(
                    "not every worker has switched yet", reason="SWITCH_PENDING", retry_after_ms=1_000
                )
            self.sleep(_POLL_S)
        return self.statuses()

    def statuses(self) -> list[WorkerStatus]:
        """Returns what every worker that serves says of itself, by its number."""
        now_ns = time.monotonic_ns()
        return [
            WorkerStatus(
                worker=status.slot,
                pid=status.pid,
                release_version=status.release_version,
                overlay_sequence=status.overlay_sequence,
                heartbeat_age_ms=status.heartbeat_age_ms(now_ns),
            )
            for status in self.control.workers()
            if status.state is WorkerState.SERVING
        ]

    def _all_looked(self, generation: int) -> bool:
        return all(
            status.release_generation >= generation
            for status in self.control.workers()
            if status.state is WorkerState.SERVING
        )
