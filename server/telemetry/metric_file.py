"""The workers' counts, in one file that each of them maps: exact over many processes, and monotonic over restarts.

    header   magic, slots, series in use, words of a slot in use
    table    one entry a series: where its words begin in each slot, how many they are, its key
    slot     the words of one worker, as many as all series need

A worker writes into its own slot only, which its successor goes on counting in; whoever reads adds up the slots. The
file begins with the parent and ends with it. Words are 8 bytes, aligned, and so are loaded and stored whole. An entry
of the table is made under the file's lock, is whole before it is counted, and never changes; a slot has room for all
entries from the start, so nothing ever moves.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_MAGIC = 0x31_54_4D_54_52_48_53_00  # "\0SHRTMT1", little-endian
_WORD = 8
_HEADER_BYTES = 64
_MAGIC_AT, _SLOTS_AT, _SERIES_AT, _WORDS_AT = range(4)
_ENTRY = struct.Struct("<QQQ232s")
SERIES_MAX = 1_024
SLOT_WORDS = 16_384
SCRAP_WORDS = 64
"""The last words of a slot belong to no series: who finds no room for one may write there."""
KEY_BYTES_MAX = 232
_SLOTS_BEGIN = _HEADER_BYTES + SERIES_MAX * _ENTRY.size


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """One series. key: its family and label values. at: its first word in every slot; width: how many words it has."""

    key: str
    at: int
    width: int


class MetricFile:
    """One process's mapping of the file."""

    def __init__(self, path: Path) -> None:
        """Maps an existing file; raises ValueError when it is none."""
        self.path = path
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._words = memoryview(self._map).cast("Q")
        if self._words[_MAGIC_AT] != _MAGIC:
            self.close()
            raise ValueError(f"{path} is no metrics file of this version")
        self.slots = int(self._words[_SLOTS_AT])

    @classmethod
    def create(cls, path: Path, slots: int) -> MetricFile:
        """Makes a new file, with nothing counted, in place of what is there, and maps it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(struct.pack("<QQQQ", _MAGIC, slots, 0, 0))
            file.truncate(_SLOTS_BEGIN + slots * SLOT_WORDS * _WORD)
        fresh.replace(path)
        return cls(path)

    def close(self) -> None:
        """Unmaps the file, save where a slot is still in use: that ends with the process."""
        self._words.release()
        with suppress(BufferError):
            self._map.close()

    def slot_words(self, slot: int) -> memoryview[int]:
        """Returns one slot, as unsigned whole numbers; a part that holds a float is cast to "d" by its user."""
        begin = _SLOTS_BEGIN + slot * SLOT_WORDS * _WORD
        return memoryview(self._map)[begin : begin + SLOT_WORDS * _WORD].cast("Q")

    def series(self) -> list[SeriesEntry]:
        """Returns all series, in the order in which they were made."""
        return [self._entry(number) for number in range(int(self._words[_SERIES_AT]))]

    def register(self, key: str, width: int) -> int | None:
        """Returns where a series' words begin, making it where it is new; None where there is no room for more."""
        with self._locked():
            for entry in self.series():
                if entry.key == key:
                    return entry.at if entry.width == width else None
            return self._append(key.encode(), width)

    def _append(self, key: bytes, width: int) -> int | None:
        number, at = int(self._words[_SERIES_AT]), int(self._words[_WORDS_AT])
        if number >= SERIES_MAX or at + width > SLOT_WORDS - SCRAP_WORDS or len(key) > KEY_BYTES_MAX:
            return None
        _ENTRY.pack_into(self._map, _HEADER_BYTES + number * _ENTRY.size, at, width, len(key), key)
        self._words[_WORDS_AT] = at + width
        self._words[_SERIES_AT] = number + 1
        return at

    def _entry(self, number: int) -> SeriesEntry:
        at, width, length, key = _ENTRY.unpack_from(self._map, _HEADER_BYTES + number * _ENTRY.size)
        return SeriesEntry(key[:length].decode(), at, width)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds the file's lock against other processes and, by a descriptor of its own, other threads."""
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
