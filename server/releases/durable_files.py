"""Files and links that are either wholly there after a crash, or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from server.releases.manifest import FileEntry

LOCK_NAME = ".lock"
_CHUNK_BYTES = 4 << 20
_HASH_THREADS_MAX = 4
_HASH_NICENESS = 19


class HashingWriter:
    """A binary sink that hashes and counts what passes through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, content: bytes | bytearray | memoryview) -> int:
        """Writes all of the content."""
        self._hash.update(content)
        self._size += memoryview(content).nbytes
        self._file.write(content)
        return len(content)

    def entry(self) -> FileEntry:
        """Returns what has passed so far."""
        return FileEntry(self._hash.hexdigest(), self._size)


def write_file(path: Path, write: Callable[[HashingWriter], None]) -> FileEntry:
    """Creates a file, fills it by ``write``, makes it read-only and durable; returns its hash and size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        sink = HashingWriter(file)
        write(sink)
        file.flush()
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())
    return sink.entry()


def bytes_write(content: bytes) -> Callable[[HashingWriter], None]:
    """Returns a ``write`` for write_file that writes the given content."""

    def write(sink: HashingWriter) -> None:
        sink.write(content)

    return write


def file_write(source: Path) -> Callable[[HashingWriter], None]:
    """Returns a ``write`` for write_file that copies a file's content."""

    def write(sink: HashingWriter) -> None:
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                sink.write(chunk)

    return write


def hash_file(path: Path) -> FileEntry:
    """Returns a file's hash and size by reading it (never by mapping it)."""
    digest = hashlib.sha256()
    size = 0
    chunk = memoryview(bytearray(_CHUNK_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(chunk):
            digest.update(chunk[:count])
            size += count
    return FileEntry(digest.hexdigest(), size)


def hash_files(paths: Sequence[Path], *, behind: bool = False) -> Generator[FileEntry]:
    """Yields the files' hashes and sizes in order, from as many threads as there are cores, a few at most.

    behind: the threads give way to all others of the machine. Whoever does not take them all closes the generator, which ends
    the threads. Raises OSError.
    """
    threads = max(1, min(_HASH_THREADS_MAX, len(os.sched_getaffinity(0))))
    with ThreadPoolExecutor(threads, "hash", initializer=_give_way if behind else None) as pool:
        yield from pool.map(hash_file, paths)


def run_behind(work: Callable[[], None]) -> None:
    """Does the work on a thread that gives way to all others of the machine, and returns when it is done; raises what it
    raises."""
    with ThreadPoolExecutor(1, "behind", initializer=_give_way) as pool:
        pool.submit(work).result()


def _give_way() -> None:
    # On Linux a thread has a niceness of its own; it cannot be taken back, and the thread ends with its pool.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _HASH_NICENESS)


def sync_directory(directory: Path) -> None:
    """Makes a directory's entries durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """Makes the entries of a directory and of all directories below it durable."""
    for directory, _, _ in os.walk(root, topdown=False):
        sync_directory(Path(directory))


def point_link(link: Path, target: str) -> None:
    """Makes a symbolic link point to a target in one step: a reader sees the old target or the new one."""
    fresh = link.with_name(f".{link.name}-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    os.symlink(target, fresh)
    try:
        os.replace(fresh, link)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(link.parent)


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Holds the directory's lock file: one process at a time changes what is in it. Waits for its turn."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
