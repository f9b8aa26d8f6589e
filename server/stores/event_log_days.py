"""The files of one day of the event log.

    day=2011-12-09/
      _files.json            names of the files that count; replaced by rename, so a change is seen whole or not
      <name>.parquet         events, by (event_time_us, event_id)
      <name>.ids.npy         uint64, ascending: XXH3-64 of the file's event ids, to find duplicates without reading

A file that the list does not name is left over from a merge, an erasure or a crash and is swept later.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

LIST_NAME = "_files.json"
SYNC_ALL_ABOVE = 64
"""An import writes hundreds of days: one flush of everything is then far cheaper than one for each file."""

_IDS_SUFFIX = ".ids.npy"


def id_hashes(event_ids: Iterable[str]) -> NDArray[np.uint64]:
    """Returns XXH3-64 of each id, in order."""
    return np.fromiter((xxhash.xxh3_64_intdigest(i.encode()) for i in event_ids), np.uint64)


class DayPartition:
    """One day's folder. Callers hold the log's writer lock for every call that changes it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def day(self) -> str:
        """The UTC day, such as 2011-12-09."""
        return self.directory.name.removeprefix("day=")

    def names(self) -> list[str]:
        """Returns the stems of the files that count, oldest first."""
        try:
            text = (self.directory / LIST_NAME).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return list(json.loads(text)["files"])

    def files(self) -> list[Path]:
        """Returns the Parquet files that count, oldest first."""
        return [self._parquet(name) for name in self.names()]

    def stage(self, table: pa.Table, name: str) -> list[Path]:
        """Writes a table as files that do not count yet; returns them. commit() makes them count."""
        self.directory.mkdir(parents=True, exist_ok=True)
        hashes, parquet = self.directory / (name + _IDS_SUFFIX), self._parquet(name)
        temporary = self.directory / f".{name}.tmp"
        with temporary.open("wb") as file:
            np.save(file, np.sort(id_hashes(table.column("event_id").to_pylist())))
        temporary.replace(hashes)
        pq.write_table(table, temporary, compression="zstd")
        temporary.replace(parquet)
        return [hashes, parquet]

    def replace(self, table: pa.Table, old_names: Sequence[str], name: str) -> None:
        """Puts one file in the place of others; an empty table just takes them away."""
        kept = [n for n in self.names() if n not in old_names]
        staged = self.stage(table, name) if table.num_rows else []
        commit([(self, [*kept, name] if staged else kept)], staged)

    def read(self, names: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
        """Returns the events of some files."""
        return pa.concat_tables(
            pq.ParquetFile(self._parquet(n)).read(columns=None if columns is None else list(columns))
            for n in names
        )

    def merge(self, name: str) -> None:
        """Makes one file of all."""
        names = self.names()
        table = self.read(names).sort_by([("event_time_us", "ascending"), ("event_id", "ascending")])
        self.replace(table, names, name)

    def sweep(self) -> None:
        """Deletes files that do not count. No reader may be at work."""
        counting = {LIST_NAME} | {n + s for n in self.names() for s in (".parquet", _IDS_SUFFIX)}
        for path in self.directory.iterdir():
            if path.name not in counting:
                path.unlink()

    def known_positions(
        self, event_ids: pa.Array, sorted_hashes: NDArray[np.uint64], order: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Returns positions of ids that this day holds. order: positions that sort the ids' hashes."""
        found = [np.empty(0, np.int64)]
        for name in self.names():
            stored = np.load(self.directory / (name + _IDS_SUFFIX), mmap_mode="r")
            candidates = order[_positions_in(sorted_hashes, stored)]
            if len(candidates):
                # A hash says "perhaps": the ids themselves decide, so that no event is ever lost to a collision.
                ids = pq.ParquetFile(self._parquet(name)).read(columns=["event_id"]).column(0)
                exact = pc.is_in(event_ids.take(pa.array(candidates)), value_set=ids.combine_chunks())
                found.append(candidates[exact.to_numpy(zero_copy_only=False)])
        return np.concatenate(found)

    def _parquet(self, name: str) -> Path:
        return self.directory / f"{name}.parquet"


def commit(lists: Sequence[tuple[DayPartition, Sequence[str]]], staged: Sequence[Path]) -> None:
    """Makes staged files count: each partition's list becomes the one given. All is on the disk at the return."""
    temporaries = []
    for partition, names in lists:
        temporary = partition.directory / f".{LIST_NAME}.tmp"
        temporary.write_text(json.dumps({"files": list(names)}), encoding="utf-8")
        temporaries.append(temporary)
    make_durable([*staged, *temporaries])
    for temporary in temporaries:
        temporary.replace(temporary.parent / LIST_NAME)
    make_durable([partition.directory for partition, _ in lists])


def _positions_in(sorted_hashes: NDArray[np.uint64], stored: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Returns positions in sorted_hashes whose value is in stored (ascending); looks up the shorter in the longer."""
    if len(stored) < len(sorted_hashes):
        at = np.searchsorted(sorted_hashes, stored)
        inside = at < len(sorted_hashes)
        found: NDArray[np.int64] = at[inside][sorted_hashes[at[inside]] == stored[inside]]
        return found
    at = np.minimum(np.searchsorted(stored, sorted_hashes), max(len(stored) - 1, 0))
    return np.flatnonzero(stored[at] == sorted_hashes) if len(stored) else np.empty(0, np.int64)


def make_durable(paths: Sequence[Path]) -> None:
    """Returns when files and directories are on the disk."""
    if len(paths) > SYNC_ALL_ABOVE:
        os.sync()
        return
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
