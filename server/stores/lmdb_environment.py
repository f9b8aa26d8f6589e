"""One LMDB environment: transactions, a map that grows, other processes that grow it, readers that died.

LMDB maps its file at a size that is fixed while a transaction is open. So transactions of this process are counted,
and whoever must change the size lets no new one in and waits for those under way, for a bounded time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import lmdb

from server.errors import StoreUnavailable

T = TypeVar("T")

MAP_BYTES_START = 64 << 20
READERS_MAX = 1_024
RESERVE_BYTES_MIN = 1 << 20
_RESIZE_TIMEOUT_S = 5.0
_PAGE_BYTES = 4_096


class LmdbEnvironment:
    """Thread-safe, and safe between processes. One object a directory and process.

    sync: whether a commit is on the disk before it returns. Without it a crash of the machine, though not of the
    process, may lose the store: for tests and evaluations.
    """

    def __init__(
        self, directory: Path, databases: Sequence[str], *, map_bytes_max: int, sync: bool = True
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._map_bytes_max = _whole_pages(map_bytes_max)
        self._reserve_bytes = _whole_pages(max(RESERVE_BYTES_MIN, map_bytes_max // 16))
        self._gate = threading.Condition()
        self._active = 0
        self._resizing = False
        try:
            self._env = lmdb.open(
                str(directory),
                map_size=min(MAP_BYTES_START, self._map_bytes_max),
                max_dbs=len(databases),
                max_readers=READERS_MAX,
                sync=sync,
                metasync=sync,
                readahead=False,
            )
            self._databases = {name: self._env.open_db(name.encode()) for name in databases}
        except lmdb.Error as error:
            raise StoreUnavailable(f"the store in {directory.name} cannot be opened: {error}") from error
        self.clear_stale_readers()

    def close(self) -> None:
        """Closes the environment; no transaction may be open."""
        self._env.close()

    def clear_stale_readers(self) -> int:
        """Frees the slots of readers whose process has died; they would keep old pages alive. Returns how many."""
        return int(self._env.reader_check())

    @contextmanager
    def read(self) -> Iterator[LmdbReader]:
        """Opens a snapshot; it does not wait for writers. Raises StoreUnavailable."""
        try:
            with self._entered(), self._begin(write=False) as transaction:
                yield LmdbReader(transaction, self._databases)
        except lmdb.Error as error:
            raise StoreUnavailable(f"the store cannot be read: {error}") from error

    def write(self, change: Callable[[LmdbWriter], T], *, frees: bool = False) -> T:
        """Runs a change as one transaction and returns its result; all of it is committed, or nothing.

        change: is run again when the map had to grow, so its effects are in the transaction only. frees: the
        change makes room; it may use a reserve, because even a removal writes pages. Raises StoreUnavailable
        when the store is full or the disk fails, and what the change raises, with no effect.
        """
        while True:
            try:
                with self._entered(), self._begin(write=True) as transaction:
                    return change(LmdbWriter(transaction, self._databases))
            except lmdb.MapFullError:
                self._grow(self._map_bytes_max + (self._reserve_bytes if frees else 0))
            except lmdb.Error as error:
                raise StoreUnavailable(f"the store cannot be written: {error}") from error

    def copy_to(self, directory: Path) -> None:
        """Writes a consistent, compacted copy while others read and write."""
        directory.mkdir(parents=True)
        with self._entered():
            try:
                self._env.copy(str(directory), compact=True)
            except lmdb.Error as error:
                raise StoreUnavailable(f"the store cannot be copied: {error}") from error

    def map_bytes(self) -> int:
        """Returns the size of this process's map."""
        return int(self._env.info()["map_size"])

    @contextmanager
    def _begin(self, *, write: bool) -> Iterator[lmdb.Transaction]:
        try:
            transaction = self._env.begin(write=write)
        except lmdb.MapResizedError:
            self._adopt_size()
            transaction = self._env.begin(write=write)
        with transaction:
            yield transaction

    @contextmanager
    def _entered(self) -> Iterator[None]:
        with self._gate:
            if self._resizing and not self._gate.wait_for(lambda: not self._resizing, _RESIZE_TIMEOUT_S):
                raise StoreUnavailable("the store is growing")
            self._active += 1
        try:
            yield
        finally:
            with self._gate:
                self._active -= 1
                self._gate.notify_all()

    def _adopt_size(self) -> None:
        """Takes the size that another process gave the file. Called inside the gate, with one's own entry in it."""
        self._resize(lambda: 0, own_entries=1)

    def _grow(self, limit: int) -> None:
        def larger() -> int:
            current = self.map_bytes()
            if current >= limit:
                raise StoreUnavailable("the store is full", reason="STORE_FULL", retry_after_ms=1_000)
            return min(current * 2, limit)

        self._resize(larger, own_entries=0)

    def _resize(self, size: Callable[[], int], own_entries: int) -> None:
        deadline_s = time.monotonic() + _RESIZE_TIMEOUT_S
        with self._gate:
            # Two that resize at once must not wait for each other's entry: the second counts as having left.
            self._active -= own_entries
            try:
                self._wait(lambda: not self._resizing, deadline_s)
                self._resizing = True
                try:
                    self._wait(lambda: self._active == 0, deadline_s)
                    self._env.set_mapsize(size())
                finally:
                    self._resizing = False
            finally:
                self._active += own_entries
                self._gate.notify_all()

    def _wait(self, condition: Callable[[], bool], deadline_s: float) -> None:
        if not self._gate.wait_for(condition, max(0.0, deadline_s - time.monotonic())):
            raise StoreUnavailable("the store waits for its readers before it can grow")


class LmdbReader:
    """One snapshot. Keys and values are bytes."""

    def __init__(self, transaction: lmdb.Transaction, databases: dict[str, lmdb._Database]) -> None:
        self._transaction = transaction
        self._databases = databases

    def get(self, database: str, key: bytes) -> bytes | None:
        """Returns a value, or None."""
        value = self._transaction.get(key, db=self._databases[database])
        return None if value is None else bytes(value)

    def count(self, database: str) -> int:
        """Returns the number of entries."""
        return int(self._transaction.stat(self._databases[database])["entries"])

    def last_key(self, database: str) -> bytes | None:
        """Returns the largest key, or None when the database is empty."""
        cursor = self._transaction.cursor(db=self._databases[database])
        return bytes(cursor.key()) if cursor.last() else None

    def scan(self, database: str, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yields (key, value) from the first key >= start, ascending."""
        cursor = self._transaction.cursor(db=self._databases[database])
        if cursor.set_range(start) if start else cursor.first():
            for key, value in cursor.iternext(keys=True, values=True):
                yield bytes(key), bytes(value)

    def scan_prefix(self, database: str, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yields (key, value) of the keys that begin with a prefix."""
        for key, value in self.scan(database, prefix):
            if not key.startswith(prefix):
                return
            yield key, value


class LmdbWriter(LmdbReader):
    """The one write transaction; it sees its own changes."""

    def put(self, database: str, key: bytes, value: bytes) -> None:
        """Sets a value."""
        self._transaction.put(key, value, db=self._databases[database])

    def append(self, database: str, key: bytes, value: bytes) -> None:
        """Sets the value of a key larger than all others, which costs no search."""
        self._transaction.put(key, value, db=self._databases[database], append=True)

    def delete(self, database: str, key: bytes) -> bool:
        """Removes a key; returns whether it was there."""
        return bool(self._transaction.delete(key, db=self._databases[database]))


def _whole_pages(size: int) -> int:
    return max(size, _PAGE_BYTES) // _PAGE_BYTES * _PAGE_BYTES
