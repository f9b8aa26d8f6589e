"""What this machine has verified since it was started, so that a start need not hash gigabytes once more.

A stamp, ``.verified/<version>.json`` beside the releases, says which bytes were hashed: for each file its device, inode, size,
and the times of its last change, kept by the kernel, of which no program can set the second (ctime) back. It holds for
the boot that it was made in: what a crash, another machine or a restored backup left behind is hashed anew. It saves
work and grants nothing: who can write here could as well write a manifest. What only a hash can see, a bit that
rots on the disk after it was read, is looked for by ``shortlist releases --verify`` and ``shortlist doctor``.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from server.releases.format import FORMAT_VERSION, MANIFEST_NAME

STAMPS_DIR = ".verified"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TICK_NS = 50_000_000
"""A file that changes twice within the kernel's clock tick may keep its times; ten ticks of the slowest."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """One release's files as they lay on the disk at taken_ns. facts: what is compared. changed_ns: when the youngest
    file had changed."""

    path: Path
    facts: dict[str, object]
    taken_ns: int
    changed_ns: int

    @classmethod
    def take(cls, release_dir: Path, files: Mapping[str, object], checks: int) -> Stamp | None:
        """Returns the stamp of the files as they are now, None where the machine tells no boot or a file is missing.

        checks: the number of the checks that a stamp stands for.
        """
        release_dir = release_dir.resolve()
        taken_ns = time.time_ns()
        try:
            boot = _BOOT_ID.read_text().strip()
            manifest = hashlib.sha256((release_dir / MANIFEST_NAME).read_bytes()).hexdigest()
            stats = {path: os.stat(release_dir / path) for path in sorted(files)}
        except OSError:
            return None
        facts: dict[str, object] = {
            "boot": boot,
            "format": FORMAT_VERSION,
            "checks": checks,
            "manifest": manifest,
            "files": {path: _facts(stat) for path, stat in stats.items()},
        }
        changed_ns = max((stat.st_ctime_ns for stat in stats.values()), default=0)
        return cls(_path(release_dir.parent, release_dir.name), facts, taken_ns, changed_ns)

    def is_kept(self) -> bool:
        """Returns whether these very files were verified before."""
        try:
            return bool(json.loads(self.path.read_bytes()) == self.facts)
        except (OSError, ValueError, RecursionError):
            return False

    def keep(self) -> None:
        """Notes that the files, hashed after the stamp was taken, are whole. Does nothing where nothing can be written.

        A file that has changed since does not match the note.
        """
        if self.taken_ns < self.changed_ns + _TICK_NS:
            return
        fresh = self.path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            self.path.parent.mkdir(exist_ok=True)
            fresh.write_text(json.dumps(self.facts, indent=1))
            os.replace(fresh, self.path)

    def drop(self) -> None:
        """Forgets that they were."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


@contextmanager
def one_at_a_time(releases_dir: Path) -> Iterator[None]:
    """Lets one process of the machine hash at a time: the others find its stamp when their turn comes."""
    try:
        stamps = releases_dir / STAMPS_DIR
        stamps.mkdir(exist_ok=True)
        descriptor = os.open(stamps / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def drop_stamp(releases_dir: Path, version: str) -> None:
    """Removes the stamp of a release that is gone."""
    with suppress(OSError):
        _path(releases_dir, version).unlink(missing_ok=True)


def _path(releases_dir: Path, version: str) -> Path:
    return releases_dir / STAMPS_DIR / f"{version}.json"


def _facts(stat: os.stat_result) -> list[int]:
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
