"""One LMDB environment: transactions, a map that grows, other processes that grow it, readers that died.

LMDB maps its file at a size that is fixed while a transaction is open. So transactions of this process are counted,
and whoever must change the size lets no new one in and waits for those under way, for a bounded time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
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
            self.databases = {name: self._env.open_db(name.encode()) for name in databases}
        except lmdb.Error as error:
            raise StoreUnavailable(f"the store in {directory.name} cannot be opened: {error}") from error
        self.clear_stale_readers()

    def close(self) -> None:
        """Closes the environment; no transaction may be open."""
        self._env.close()

    def clear_stale_readers(self) -> int:
        """Frees the slots of readers whose process has died; they would keep old pages alive. Returns how many."""
        return int(self._env.reader_check())

    def read(self) -> Snapshot:
        """Returns a context that opens a snapshot; it does not wait for writers. Raises StoreUnavailable."""
        return Snapshot(self)

    def write(self, change: Callable[[LmdbWriter], T], *, frees: bool = False) -> T:
        """Runs a change as one transaction and returns its result; all of it is committed, or nothing.

        change: is run again when the map had to grow, so its effects are in the transaction only. frees: the
        change makes room; it may use a reserve, because even a removal writes pages. Raises StoreUnavailable
        when the store is full or the disk fails, and what the change raises, with no effect.
        """
        while True:
            try:
                transaction = self.begin(write=True)
                try:
                    with transaction:
                        return change(LmdbWriter(transaction, self.databases))
                finally:
                    self.leave()
            except lmdb.MapFullError:
                self._grow(self._map_bytes_max + (self._reserve_bytes if frees else 0))
            except lmdb.Error as error:
                raise StoreUnavailable(f"the store cannot be written: {error}") from error

    def copy_to(self, directory: Path) -> None:
        """Writes a consistent, compacted copy while others read and write."""
        directory.mkdir(parents=True)
        self._enter()
        try:
            self._env.copy(str(directory), compact=True)
        except lmdb.Error as error:
            raise StoreUnavailable(f"the store cannot be copied: {error}") from error
        finally:
            self.leave()

    def map_bytes(self) -> int:
        """Returns the size of this process's map."""
        return int(self._env.info()["map_size"])

    def begin(self, *, write: bool) -> lmdb.Transaction:
        """Opens a transaction and counts it; leave() must follow. For Snapshot and write()."""
        self._enter()
        try:
            try:
                return self._env.begin(write=write)
            except lmdb.MapResizedError:
                self._adopt_size()
                return self._env.begin(write=write)
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Counts a transaction as ended."""
        with self._gate:
            self._active -= 1
            if self._resizing or not self._active:
                self._gate.notify_all()

    def _enter(self) -> None:
        with self._gate:
            if self._resizing and not self._gate.wait_for(lambda: not self._resizing, _RESIZE_TIMEOUT_S):
                raise StoreUnavailable("the store is growing")
            self._active += 1

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


class Snapshot:
    """A context that gives an LmdbReader; written out, because requests open one each."""

    __slots__ = ("_environment", "_transaction")

    def __init__(self, environment: LmdbEnvironment) -> None:
        self._environment = environment

    def __enter__(self) -> LmdbReader:
        try:
            self._transaction = self._environment.begin(write=False)
        except lmdb.Error as error:
            raise StoreUnavailable(f"the store cannot be read: {error}") from error
        return LmdbReader(self._transaction, self._environment.databases)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transaction.abort()
        self._environment.leave()
        if isinstance(error, lmdb.Error):
            raise StoreUnavailable(f"the store cannot be read: {error}") from error


class LmdbReader:
    """One snapshot. Keys and values are bytes."""

    __slots__ = ("_databases", "_transaction")

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

    __slots__ = ()

    def put(self, database: str, key: bytes, value: bytes) -> None:
        """Sets a value."""
        self._transaction.put(key, value, db=self._databases[database])

    def put_new(self, database: str, key: bytes, value: bytes) -> bool:
        """Sets a value unless the key has one; returns whether it had none."""
        return bool(self._transaction.put(key, value, db=self._databases[database], overwrite=False))

    def put_all(self, database: str, entries: Sequence[tuple[bytes, bytes]], *, append: bool = False) -> None:
        """Sets many values in one call: each call may have to wait for the interpreter's lock.

        append: every key is larger than all before it, which saves the search.
        """
        self._transaction.cursor(db=self._databases[database]).putmulti(entries, append=append)

    def delete(self, database: str, key: bytes) -> bool:
        """Removes a key; returns whether it was there."""
        return bool(self._transaction.delete(key, db=self._databases[database]))


def _whole_pages(size: int) -> int:
    return max(size, _PAGE_BYTES) // _PAGE_BYTES * _PAGE_BYTES
