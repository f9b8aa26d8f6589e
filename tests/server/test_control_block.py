"""The control block between real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.control_block import ControlBlock, WorkerState

RAISE_MANY = """
import sys
from pathlib import Path
from server.control_block import ControlBlock
block = ControlBlock(Path(sys.argv[1]))
for number in range(500):
    block.bump_release_generation()
    block.raise_overlay_sequence(int(sys.argv[2]) + number)
"""

HOLD_SLOT = """
import os, sys
from pathlib import Path
from server.control_block import ControlBlock, WorkerState
block = ControlBlock(Path(sys.argv[1]))
block.claim(1)
block.set_pid(1, os.getpid())
block.beat(1)
block.set_state(1, WorkerState.SERVING)
block.set_applied(1, 7, "2026-11-22-a", 42)
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def block(tmp_path: Path) -> Iterator[ControlBlock]:
    made = ControlBlock.create(tmp_path / "run" / "control", slots=3)
    yield made
    made.close()


def run_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_new_block_has_empty_slots_and_zero_numbers(block: ControlBlock) -> None:
    assert block.workers() == []
    assert (block.overlay_sequence(), block.release_generation()) == (0, 0)


def test_what_one_process_writes_another_reads(block: ControlBlock) -> None:
    worker = run_python(HOLD_SLOT, str(block.path))
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    (status,) = block.workers()
    worker.communicate("go\n")
    assert (status.slot, status.pid, status.state) == (1, worker.pid, WorkerState.SERVING)
    assert (status.release_generation, status.release_version, status.overlay_sequence) == (
        7,
        "2026-11-22-a",
        42,
    )
    assert status.heartbeat_ns > 0


def test_numbers_raised_by_several_processes_lose_nothing(block: ControlBlock) -> None:
    processes = [run_python(RAISE_MANY, str(block.path), str(start)) for start in (0, 2_000, 1_000)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()
    assert block.release_generation() == 1_500
    assert block.overlay_sequence() == 2_499


def test_overlay_sequence_never_falls(block: ControlBlock) -> None:
    block.raise_overlay_sequence(9)
    block.raise_overlay_sequence(4)
    assert block.overlay_sequence() == 9


def test_cleared_slot_holds_no_worker(block: ControlBlock) -> None:
    block.claim(0)
    block.clear(0)
    assert block.workers() == []


def test_claim_forgets_what_the_last_worker_wrote(block: ControlBlock) -> None:
    block.claim(2)
    block.set_pid(2, 11)
    block.set_applied(2, 5, "old", 3)
    block.claim(2)
    status = block.status(2)
    assert (status.pid, status.state) == (0, WorkerState.STARTING)
    assert (status.release_generation, status.release_version) == (0, "")


def test_heartbeat_age_is_counted_from_the_last_beat(block: ControlBlock) -> None:
    block.claim(0)
    assert block.status(0).heartbeat_age_ms(10**18) == 0.0
    block.beat(0)
    status = block.status(0)
    assert status.heartbeat_age_ms(status.heartbeat_ns + 3_000_000) == 3.0


def test_file_that_is_not_a_block_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "control"
    path.write_bytes(b"\1" * 4096)
    with pytest.raises(ValueError, match="not a control block"):
        ControlBlock(path)
