"""A few numbers that all processes of one server share: a small file, mapped by each of them.

    header   magic, slots, overlay_sequence, release_generation
    slot     pid, heartbeat_ns, release_generation applied, overlay_sequence applied, state, release version

Reading takes no lock: every field is one aligned 8-byte word, which the processors that we run on load and store
whole. A slot has one writer, the worker that holds it (its parent claims and clears it between two workers). The two header
numbers only grow and have several writers, so raising one takes the file's lock.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

_MAGIC = 0x31_54_53_4C_54_52_48_53  # "SHRTLST1", little-endian
_WORD = 8
_HEADER_WORDS = 8
_SLOT_WORDS = 24
_VERSION_WORDS = 16
VERSION_BYTES_MAX = _VERSION_WORDS * _WORD

_MAGIC_AT, _SLOTS_AT, _SEQUENCE_AT, _GENERATION_AT = range(4)
_PID, _HEARTBEAT, _APPLIED_GENERATION, _APPLIED_SEQUENCE, _STATE = range(5)
_VERSION = 8


class WorkerState(IntEnum):
    """Where a worker is in its life."""

    EMPTY = 0
    STARTING = 1
    SERVING = 2
    DRAINING = 3
    STUCK = 4


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """What one slot holds. heartbeat_ns: time.monotonic_ns() of the last beat, 0 before the first."""

    slot: int
    pid: int
    state: WorkerState
    heartbeat_ns: int
    release_generation: int
    overlay_sequence: int
    release_version: str

    def heartbeat_age_ms(self, now_ns: int) -> float:
        """Returns the time since the last beat, 0 before the first."""
        return max(0.0, (now_ns - self.heartbeat_ns) / 1e6) if self.heartbeat_ns else 0.0


class ControlBlock:
    """One process's mapping of the file. The mapping is shared, so a write is seen by the others at once."""

    def __init__(self, path: Path) -> None:
        """Maps an existing block; raises ValueError when the file is not one."""
        self.path = path
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 0)
        self._words = memoryview(self._map).cast("Q")
        if self._words[_MAGIC_AT] != _MAGIC:
            self.close()
            raise ValueError(f"{path} is not a control block")
        self.slots = int(self._words[_SLOTS_AT])

    @classmethod
    def create(cls, path: Path, slots: int) -> ControlBlock:
        """Makes a new block with empty slots in place of what is there, and maps it."""
        words = _HEADER_WORDS + slots * _SLOT_WORDS
        content = bytearray(words * _WORD)
        header = memoryview(content).cast("Q")
        header[_MAGIC_AT], header[_SLOTS_AT] = _MAGIC, slots
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(path)
        return cls(path)

    def close(self) -> None:
        """Unmaps the block."""
        self._words.release()
        self._map.close()
        self._file.close()

    def overlay_sequence(self) -> int:
        """Returns the newest item change that any process has announced."""
        return int(self._words[_SEQUENCE_AT])

    def raise_overlay_sequence(self, sequence: int) -> None:
        """Announces an item change to every worker. An older number than the one announced changes nothing."""
        with self._locked():
            self._words[_SEQUENCE_AT] = max(sequence, self._words[_SEQUENCE_AT])

    def release_generation(self) -> int:
        """Returns how often the serving release was switched since the block was made."""
        return int(self._words[_GENERATION_AT])

    def bump_release_generation(self) -> int:
        """Tells every worker to look at the current release again; returns the generation to wait for."""
        with self._locked():
            self._words[_GENERATION_AT] += 1
            return int(self._words[_GENERATION_AT])

    def claim(self, slot: int) -> None:
        """Takes a slot for a worker that is about to start; it has no pid and no heartbeat yet."""
        self.clear(slot)
        self._set(slot, _STATE, WorkerState.STARTING)

    def set_pid(self, slot: int, pid: int) -> None:
        """Says which process holds the slot."""
        self._set(slot, _PID, pid)

    def clear(self, slot: int) -> None:
        """Empties a slot whose worker is gone."""
        start = _HEADER_WORDS + slot * _SLOT_WORDS
        for word in range(start, start + _SLOT_WORDS):
            self._words[word] = 0

    def beat(self, slot: int) -> None:
        """Says that the worker is alive now."""
        self._set(slot, _HEARTBEAT, time.monotonic_ns())

    def set_state(self, slot: int, state: WorkerState) -> None:
        """Says where the worker is in its life."""
        self._set(slot, _STATE, state)

    def set_applied(self, slot: int, generation: int, version: str, overlay_sequence: int) -> None:
        """Says what the worker serves. The generation is written last: who sees it also sees the version."""
        encoded = version.encode()[:VERSION_BYTES_MAX].ljust(VERSION_BYTES_MAX, b"\0")
        start = (_HEADER_WORDS + slot * _SLOT_WORDS + _VERSION) * _WORD
        self._map[start : start + VERSION_BYTES_MAX] = encoded
        self._set(slot, _APPLIED_SEQUENCE, overlay_sequence)
        self._set(slot, _APPLIED_GENERATION, generation)

    def status(self, slot: int) -> SlotStatus:
        """Returns what a slot holds now."""
        start = _HEADER_WORDS + slot * _SLOT_WORDS
        words = self._words[start : start + _SLOT_WORDS]
        version_at = (start + _VERSION) * _WORD
        version = self._map[version_at : version_at + VERSION_BYTES_MAX].rstrip(b"\0")
        return SlotStatus(
            slot=slot,
            pid=int(words[_PID]),
            state=WorkerState(words[_STATE]),
            heartbeat_ns=int(words[_HEARTBEAT]),
            release_generation=int(words[_APPLIED_GENERATION]),
            overlay_sequence=int(words[_APPLIED_SEQUENCE]),
            release_version=version.decode(errors="replace"),
        )

    def workers(self) -> list[SlotStatus]:
        """Returns the slots that hold a worker, in slot order."""
        statuses = (self.status(slot) for slot in range(self.slots))
        return [status for status in statuses if status.state is not WorkerState.EMPTY]

    def _set(self, slot: int, field: int, value: int) -> None:
        self._words[_HEADER_WORDS + slot * _SLOT_WORDS + field] = value

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds the file's lock against other processes and, by a descriptor of its own, other threads."""
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
