"""The event log: every event that was ever accepted, as Parquet files by UTC day.

    events/
      day=2011-12-09/         event_log_days.py
      links/                  sessions that were linked to users, event_log_owners.py
      erased.json             hashes of users and sessions that were erased, event_log_owners.py
      .writer.lock            one writer at a time, over all processes
      .readers.lock           held shared while files are being read, so that none is deleted meanwhile

Appending is idempotent by event_id, so a compaction or an import that was cut off is simply run again.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from server.errors import ContractBroken
from server.features.identity import SESSION_PREFIX, USER_PREFIX
from server.features.user_event import UserEvent
from server.stores.event_log_days import DayPartition, commit, id_hashes
from server.stores.event_log_owners import Erasures, SessionLinks
from server.stores.protocols import AppendResult, SessionLink

EVENT_LOG_SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in (
            ("event_id", pa.string()),
            ("user_id", pa.string()),
            ("session_id", pa.string()),
            ("item_id", pa.string()),
            ("event_type", pa.int8()),
            ("event_time_us", pa.int64()),
            ("device_type", pa.int8()),
            ("platform", pa.string()),
            ("page_type", pa.int8()),
            ("rating", pa.float64()),
            ("dwell_time_ms", pa.int64()),
            ("position", pa.int32()),
            ("recommendation_id", pa.string()),
            ("experiment_id", pa.string()),
            ("quantity", pa.float64()),
            ("price", pa.float64()),
        )
    ]
)
"""UserEvent's fields, in its order and encoding; signed integers only, which every engine reads alike."""

FILES_PER_DAY_MAX = 16
DAY_US = 86_400_000_000


def events_table(events: Sequence[UserEvent]) -> pa.Table:
    """Returns events as EVENT_LOG_SCHEMA."""
    columns = [
        pa.array([getattr(e, f.name) for e in events], EVENT_LOG_SCHEMA.field(f.name).type)
        for f in fields(UserEvent)
    ]
    return pa.Table.from_arrays(columns, schema=EVENT_LOG_SCHEMA)


class EventLog:
    """The log in one directory. Safe for several processes: writers wait for each other."""

    def __init__(self, directory: Path, *, files_per_day_max: int = FILES_PER_DAY_MAX) -> None:
        self.directory = directory
        self._files_per_day_max = files_per_day_max
        self._links = SessionLinks(directory / "links")
        self._erasures = Erasures(directory / "erased.json")

    def append_events(self, events: Sequence[UserEvent], batch_name: str) -> AppendResult:
        """Stores events that are not in the log yet; on the disk when the call returns.

        batch_name: names the files; calling again with the same batch stores nothing new.
        """
        return self.append_table(events_table(events), batch_name)

    def append_table(self, table: pa.Table, batch_name: str = "import") -> AppendResult:
        """Stores the rows of a table of EVENT_LOG_SCHEMA that are not in the log yet.

        An event that is there already, stands twice in the table, or is from before its user's erasure counts
        as a duplicate. Raises ContractBroken for another schema.
        """
        if not table.schema.equals(EVENT_LOG_SCHEMA):
            raise ContractBroken(f"events come as {EVENT_LOG_SCHEMA}, not {table.schema}")
        with self._writing():
            fresh = self._unknown(table)
            lists, staged = [], []
            for day, rows in _by_day(fresh):
                partition, name = DayPartition(self.directory / f"day={day}"), _file_name(batch_name, rows)
                staged += partition.stage(rows, name)
                lists.append((partition, [*partition.names(), name]))
            commit(lists, staged)
            for partition, names in lists:
                if len(names) > self._files_per_day_max:
                    self._merge(partition)
        return AppendResult(stored=fresh.num_rows, duplicates=table.num_rows - fresh.num_rows)

    def append_links(self, links: Sequence[SessionLink], batch_name: str) -> None:
        """Notes that sessions belong to users. Idempotent; on the disk when the call returns."""
        if links:
            with self._writing():
                self._links.append(links, _safe_name(batch_name))

    def link_intervals(self) -> pa.Table:
        """Returns event_log_owners.LINK_INTERVAL_SCHEMA: which user a session's events belong to, and when."""
        return self._links.intervals()

    def erase_user(self, user_id: str, erased_time_us: int | None = None) -> int:
        """Removes a user's events and those of the sessions linked to the user; returns how many.

        erased_time_us: events up to this time are removed, and refused if they come again; default now.
        """
        time_us = time.time_ns() // 1000 if erased_time_us is None else erased_time_us
        with self._writing():
            name = _digest(f"{user_id}:{time_us}")
            sessions = self._links.forget_user(user_id, name)
            keys = [USER_PREFIX + user_id, *(SESSION_PREFIX + s for s in sessions)]
            self._erasures.add(keys, time_us)
            removed = sum(self._rewrite_without_erased(p, [user_id], sessions) for p in self._partitions())
            self._sweep()
        return removed

    def merge_files(self) -> int:
        """Makes one file of every day that has several; returns how many days were merged."""
        with self._writing():
            several = [p for p in self._partitions() if len(p.names()) > 1]
            for partition in several:
                self._merge(partition)
            self._sweep()
        return len(several)

    def files(self) -> list[Path]:
        """Returns the Parquet files that make up the log, by day. Read them within reading()."""
        return [path for partition in self._partitions() for path in partition.files()]

    def days(self) -> list[str]:
        """Returns the UTC days that have events, ascending."""
        return [p.day for p in self._partitions() if p.names()]

    def row_count(self) -> int:
        """Returns the number of events in the log."""
        return sum(pq.read_metadata(path).num_rows for path in self.files())

    def read(self) -> pa.Table:
        """Returns the whole log, by day. For small logs and tests: engines read files() themselves."""
        with self.reading():
            tables = [pq.ParquetFile(path).read() for path in self.files()]
        return pa.concat_tables([EVENT_LOG_SCHEMA.empty_table(), *(t.cast(EVENT_LOG_SCHEMA) for t in tables)])

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keeps every file of files() in place until the block ends. Appends go on meanwhile."""
        with self._locked(".readers.lock", fcntl.LOCK_SH):
            yield

    def _partitions(self) -> list[DayPartition]:
        return [DayPartition(path) for path in sorted(self.directory.glob("day=*"))]

    def _unknown(self, table: pa.Table) -> pa.Table:
        """Returns the rows to store, by (event_time_us, event_id)."""
        table = table.filter(pa.array(~self._erasures.erased(table)))
        codes = table.column("event_id").combine_chunks().dictionary_encode()
        _, first = np.unique(codes.indices.to_numpy(), return_index=True)
        table = table.take(pa.array(np.sort(first)))
        keep = np.ones(table.num_rows, bool)
        event_ids = table.column("event_id").combine_chunks()
        hashes = id_hashes(event_ids.to_pylist())
        order: NDArray[np.int64] = np.argsort(hashes, kind="stable")
        for partition in self._partitions():
            keep[partition.known_positions(event_ids, hashes[order], order)] = False
        fresh = table.filter(pa.array(keep))
        return fresh.sort_by([("event_time_us", "ascending"), ("event_id", "ascending")])

    def _merge(self, partition: DayPartition) -> None:
        partition.merge("merged-" + _digest("\n".join(partition.names())))

    def _rewrite_without_erased(
        self, partition: DayPartition, users: Sequence[str], sessions: Sequence[str]
    ) -> int:
        removed = 0
        for name in partition.names():
            owners = partition.read([name], ["user_id", "session_id"])
            theirs = pc.or_(
                pc.is_in(owners.column("user_id"), value_set=pa.array(users, pa.string())),
                pc.is_in(owners.column("session_id"), value_set=pa.array(sessions, pa.string())),
            )
            if pc.any(theirs).as_py():
                table = partition.read([name])
                erased = self._erasures.erased(table)
                kept = table.filter(pa.array(~erased))
                partition.replace(kept, [name], _file_name("kept", kept))
                removed += int(erased.sum())
        return removed

    def _sweep(self) -> None:
        """Deletes left-over files, unless somebody reads: then a later call does."""
        try:
            with self._locked(".readers.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
                for partition in self._partitions():
                    partition.sweep()
        except BlockingIOError:
            return

    def _writing(self) -> AbstractContextManager[None]:
        return self._locked(".writer.lock", fcntl.LOCK_EX)

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / name).open("a") as file:
            fcntl.flock(file, how)
            yield


def _by_day(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yields (UTC day, its rows) of a table that is sorted by time."""
    days = table.column("event_time_us").to_numpy() // DAY_US
    edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)] if len(days) else [0]
    for start, stop in pairwise(edges):
        yield str(np.datetime64(int(days[start]), "D")), table.slice(start, stop - start)


def _file_name(batch_name: str, table: pa.Table) -> str:
    """Returns a name that no other content has, so that a file is never overwritten with other events."""
    return f"{_safe_name(batch_name)}-{_digest(chr(10).join(table.column('event_id').to_pylist()))}"


def _digest(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode())


def _safe_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:64]
