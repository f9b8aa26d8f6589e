"""A copy of all that a server keeps, made while it serves, and the way back.

    backup.json      when it was made, and of what
    store/           LMDB, each environment as of one moment
    events/          the Parquet event log
    catalog/         what imports left
    releases/        releases, and which of them was current and previous

The store is copied first: what moves from its queue into the event log meanwhile is then in both, and the log
knows an event by its id; the other order could lose it.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from server.errors import Refused
from server.stores.event_log_days import LIST_NAME

BACKUP_NAME = "backup.json"
BACKUP_VERSION = 1
STORE_DIR, EVENTS_DIR = "store", "events"
_COPIED_DIRS = ("catalog", "releases")
_TAR_SUFFIX = ".tar"
_COPY_ATTEMPTS = 3

Progress = Callable[[str], object]
"""Takes the name of the part that is being copied."""


class CopyableStore(Protocol):
    """A store that can be copied while it is used."""

    def copy_to(self, directory: Path) -> None:
        """Writes a consistent copy."""
        ...


class ReadableLog(Protocol):
    """The part of EventLog that keeps its files in place while they are read."""

    def reading(self) -> AbstractContextManager[None]:
        """Keeps every file in place until the block ends."""
        ...


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """What a backup holds. created_time_s: epoch seconds; the sizes are of files before any compression."""

    backup_version: int
    created_time_s: int
    files: int
    size_bytes: int


def back_up(
    data_dir: Path,
    target: Path,
    store: CopyableStore,
    event_log: ReadableLog | None = None,
    *,
    progress: Progress = lambda part: None,
    clock: Callable[[], float] = time.time,
) -> BackupSummary:
    """Copies a data directory into a new directory, or a ``.tar`` file, while others read and write.

    Raises Refused when the target exists, StoreUnavailable, OSError. The target appears only when it is whole.
    """
    if target.exists():
        raise Refused(f"{target} exists already", reason="TARGET_EXISTS")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        copied = temporary / "copy"
        copied.mkdir()
        _copy_parts(data_dir, copied, store, event_log, progress)
        summary = _summary(copied, int(clock()))
        (copied / BACKUP_NAME).write_text(json.dumps(asdict(summary)), encoding="utf-8")
        if target.suffix == _TAR_SUFFIX:
            progress("archive")
            copied = _archive(copied, temporary / "archive.tar")
        _sync(copied)
        os.rename(copied, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return summary


def restore(
    source: Path,
    data_dir: Path,
    *,
    store_dir: Path | None = None,
    force: bool = False,
    progress: Progress = lambda part: None,
) -> BackupSummary:
    """Puts a backup in place of a data directory. No server may be running on it.

    store_dir: where the store lies when not in the data directory. force: replace what is there. Raises Refused
    for a target that is not empty, and for a source that is no backup of this version; nothing changed then.
    """
    with _unpacked(source, data_dir) as unpacked:
        summary = _read_summary(unpacked, source)
        targets = {
            name: store_dir if name == STORE_DIR and store_dir is not None else data_dir / name
            for name in (STORE_DIR, EVENTS_DIR, *_COPIED_DIRS)
        }
        occupied = [path for path in targets.values() if path.is_dir() and any(path.iterdir())]
        if occupied and not force:
            names = ", ".join(str(path) for path in occupied)
            raise Refused(f"not empty: {names}", reason="TARGET_NOT_EMPTY")
        # An archive does not keep that a release's files are read-only.
        for file in (unpacked / "releases").rglob("*"):
            if file.is_file() and not file.is_symlink():
                file.chmod(0o444)
        for name, target in targets.items():
            progress(name)
            _replace(unpacked / name, target)
    return summary


def _copy_parts(
    data_dir: Path, copied: Path, store: CopyableStore, event_log: ReadableLog | None, progress: Progress
) -> None:
    progress(STORE_DIR)
    store.copy_to(copied / STORE_DIR)
    progress(EVENTS_DIR)
    with event_log.reading() if event_log is not None else nullcontext():
        _copy_tree(data_dir / EVENTS_DIR, copied / EVENTS_DIR)
    for name in _COPIED_DIRS:
        progress(name)
        _copy_tree(data_dir / name, copied / name)


def _copy_tree(source: Path, target: Path) -> None:
    """Copies a directory in which files are replaced, never changed, and half-written ones have dotted names.

    What points at files (links, lists of files) is copied before the files are looked for, so that it points at
    nothing that came later. Tried again when a file was removed meanwhile.
    """
    for attempt in range(1, _COPY_ATTEMPTS + 1):
        target.mkdir()
        try:
            if source.is_dir():
                _copy_pointers(source, target)
                shutil.copytree(source, target, symlinks=True, ignore=_not_a_file, dirs_exist_ok=True)
            return
        except (shutil.Error, FileNotFoundError):
            if attempt == _COPY_ATTEMPTS:
                raise
            shutil.rmtree(target)


def _copy_pointers(source: Path, target: Path) -> None:
    for directory, below, _ in os.walk(source):
        below[:] = [name for name in below if not name.startswith(".")]
        place = target / Path(directory).relative_to(source)
        place.mkdir(exist_ok=True)
        for entry in list(os.scandir(directory)):
            if _is_pointer(Path(entry.path)):
                shutil.copy2(entry.path, place / entry.name, follow_symlinks=False)


def _not_a_file(directory: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(".") or _is_pointer(Path(directory, name))]


def _is_pointer(path: Path) -> bool:
    return path.is_symlink() or path.name == LIST_NAME


def _summary(copied: Path, created_time_s: int) -> BackupSummary:
    sizes = [path.stat().st_size for path in copied.rglob("*") if path.is_file() and not path.is_symlink()]
    return BackupSummary(BACKUP_VERSION, created_time_s, len(sizes), sum(sizes))


def _archive(copied: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w") as tar:
        for path in sorted(copied.iterdir()):
            tar.add(path, path.name)
    return archive


def _sync(path: Path) -> None:
    """Puts a backup on the disk before it gets its name."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if not p.is_symlink()]
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _unpacked(source: Path, data_dir: Path) -> Iterator[Path]:
    """Gives a backup as a directory beside the data directory, so that its parts can be moved into place."""
    data_dir.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".restore-", dir=data_dir))
    try:
        unpacked = temporary / "copy"
        if source.is_dir():
            shutil.copytree(source, unpacked, symlinks=True)
        else:
            _extract(source, unpacked)
        yield unpacked
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(source: Path, target: Path) -> None:
    try:
        with tarfile.open(source) as tar:
            tar.extractall(target, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise Refused(f"{source} is not a backup: {error}", reason="NOT_A_BACKUP") from error


def _read_summary(unpacked: Path, source: Path) -> BackupSummary:
    try:
        summary = BackupSummary(**json.loads((unpacked / BACKUP_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise Refused(f"{source} is not a backup", reason="NOT_A_BACKUP") from error
    (unpacked / BACKUP_NAME).unlink()
    if summary.backup_version != BACKUP_VERSION:
        found = summary.backup_version
        raise Refused(f"{source} is a backup of version {found}, not {BACKUP_VERSION}", reason="NOT_A_BACKUP")
    found_files = _summary(unpacked, summary.created_time_s)
    if found_files != summary:
        raise Refused(f"{source} is not whole: files are missing or cut off", reason="BACKUP_DAMAGED")
    return summary


def _replace(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)
