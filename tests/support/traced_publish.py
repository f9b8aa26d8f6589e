"""A publish that is killed, or whose disk fails, at any one of its system calls: strace's injection."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SYSTEM_CALLS = {
    "openat": "openat",
    "write": "write",
    "fsync": "fsync",
    "rename": "rename,renameat,renameat2",
    "symlink": "symlink,symlinkat",
}
"""What a publish consists of; some have several names, of which a C library uses one."""


@dataclass(frozen=True)
class Ended:
    """How a publish ended: its exit code, negative for a signal, and its system calls by name of SYSTEM_CALLS."""

    exit_code: int
    calls: dict[str, int]


class TracedPublisher:
    """Publishes r2 beside the r1 of a directory, under strace. One at a time."""

    def __init__(self, scratch: Path) -> None:
        if shutil.which("strace") is None:
            pytest.skip("strace is not installed (apt install strace)")
        self._log = scratch / "strace.log"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.publishing_child"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def publish(self, releases: Path, call: str = "", number: int = 1, fault: str = "signal=KILL") -> Ended:
        """Publishes; the number-th system call of that name meets the fault. No call = nothing is injected."""
        pid = int(self._ask(f"{releases}\n"))
        _await_stop(pid)
        inject = [f"-einject={SYSTEM_CALLS[call]}:{fault}:when={number}"] if call else []
        names = ",".join(SYSTEM_CALLS.values())
        tracer = subprocess.Popen(
            ["strace", "-f", f"-etrace={names}", *inject, "-o", str(self._log), "-p", str(pid)],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tracer.stderr is not None
        with tracer.stderr as told:
            line = told.readline()
            os.kill(pid, signal.SIGCONT)
            exit_code = int(self._answer())
            tracer.wait(30)
        if "attached" not in line:
            pytest.skip(f"strace may not attach here: {line.strip()}")
        return Ended(exit_code, self._counted())

    def _counted(self) -> dict[str, int]:
        found = re.findall(r"^\d+\s+(\w+)\(", self._log.read_text(errors="replace"), re.MULTILINE)
        return {
            name: sum(call in others.split(",") for call in found) for name, others in SYSTEM_CALLS.items()
        }

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def _await_stop(pid: int) -> None:
    pause = threading.Event()
    for _ in range(5_000):
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state == "T" or pause.wait(0.002):
            return
    raise AssertionError("the publisher never stopped itself")
