"""Moves queued entries from LMDB into the Parquet event log.

A batch is fixed in the store before anything of it is written to the log, under numbers that name it; so when a
drain dies at any point, the next one writes the same batch under the same name, which the log knows. Entries leave
the queue only after the log has them on the disk.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.stores.embedded_records import META, QUEUE, read_number, write_number
from server.stores.entry_codec import (
    QueueKind,
    number_key,
    queued_kind,
)
from server.stores.lmdb_environment import LmdbEnvironment, LmdbWriter
from server.stores.queued_entries import append_entries
from server.stores.store import DrainResult, EventLogSink

_BATCH_END = "drain_end"
_LOCK_NAME = "drain.lock"
_DELETED_AT_ONCE = 10_000


def drain(environment: LmdbEnvironment, event_log: EventLogSink, batch_size: int) -> DrainResult:
    """Moves everything that is queued when it starts; see store.Store.drain."""
    with _only_one(environment.directory) as mine:
        if not mine:
            return DrainResult()
        events = links = erasures = 0
        with environment.read() as reader:
            last = read_number(reader, QUEUE)
        done = 0
        while done < last:
            end = environment.write(lambda writer: _fix_batch(writer, batch_size))
            if end == 0:
                break
            entries = _read(environment, end)
            moved = append_entries(event_log, entries, f"queue-{end:020d}")
            _remove(environment, end)
            events, links, erasures = events + moved.events, links + moved.links, erasures + moved.erasures
            done = end
        return DrainResult(events, links, erasures)


@contextmanager
def _only_one(directory: Path) -> Iterator[bool]:
    with (directory / _LOCK_NAME).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _fix_batch(writer: LmdbWriter, batch_size: int) -> int:
    """Returns the last number of the batch to move: the one under way, or else a new one; 0 when all is moved."""
    under_way = read_number(writer, _BATCH_END)
    if under_way:
        return under_way
    end = 0
    kind: QueueKind | None = None
    for count, (key, content) in enumerate(writer.scan(QUEUE)):
        # One kind a batch: the log must see an erasure after the events before it, and before those after it.
        if count == batch_size or (kind is not None and queued_kind(content) is not kind):
            break
        kind = queued_kind(content)
        end = int.from_bytes(key, "big")
    if end:
        write_number(writer, _BATCH_END, end)
    return end


def _read(environment: LmdbEnvironment, end: int) -> list[bytes]:
    stop = number_key(end)
    entries: list[bytes] = []
    with environment.read() as reader:
        for key, content in reader.scan(QUEUE):
            if key > stop:
                break
            entries.append(content)
    return entries


def _remove(environment: LmdbEnvironment, end: int) -> None:
    stop = number_key(end)

    def change(writer: LmdbWriter) -> bool:
        keys: list[bytes] = []
        for key, _ in writer.scan(QUEUE):
            if key > stop or len(keys) == _DELETED_AT_ONCE:
                break
            keys.append(key)
        for key in keys:
            writer.delete(QUEUE, key)
        finished = len(keys) < _DELETED_AT_ONCE
        if finished:
            writer.delete(META, _BATCH_END.encode())
        return finished

    while not environment.write(change, frees=True):
        pass
