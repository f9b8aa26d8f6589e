"""The releases of one directory: which there are, which one serves, and how to switch.

``current`` is a symbolic link to the serving release and ``previous`` one to the release that served before it;
both are flipped by rename. Readers take no lock; changes are made by one process at a time.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from server.errors import NotFound, Refused, ReleaseRefused
from server.releases.durable_files import exclusive, point_link, sync_directory
from server.releases.format import CURRENT_LINK
from server.releases.manifest import Manifest
from server.releases.verified_stamp import drop_stamp
from server.releases.verify import read_manifest
from server.releases.writer import PREVIOUS_LINK

_REMOVING_PREFIX = ".removing-"


@dataclass(frozen=True, slots=True)
class ReleaseEntry:
    """One release on disk. manifest: None when it cannot be read, and refused_reason says why."""

    version: str
    serving: bool
    manifest: Manifest | None
    refused_reason: str = ""


def list_releases(releases_dir: Path) -> list[ReleaseEntry]:
    """Returns the releases, oldest first by creation time. Reads manifests only: no hash is checked."""
    serving = current_version(releases_dir)
    entries = [_entry(path, serving) for path in _release_dirs(releases_dir)]
    return sorted(entries, key=lambda e: (e.manifest.created_time_s if e.manifest else 0, e.version))


def current_version(releases_dir: Path) -> str | None:
    """Returns the version that ``current`` points to, or None before the first activation."""
    return _target(releases_dir / CURRENT_LINK)


def previous_version(releases_dir: Path) -> str | None:
    """Returns the version that served before the current one, or None."""
    return _target(releases_dir / PREVIOUS_LINK)


def activate(releases_dir: Path, version: str) -> None:
    """Makes a release the current one; does nothing when it is already.

    Raises NotFound for an unknown version. Does not verify: callers that have not just written the release call
    verify_release first, and a server that cannot map it keeps the one it has.
    """
    with exclusive(releases_dir):
        if version not in {path.name for path in _release_dirs(releases_dir)}:
            raise NotFound("release", version, reason="RELEASE_NOT_FOUND")
        before = current_version(releases_dir)
        if before == version:
            return
        point_link(releases_dir / CURRENT_LINK, version)
        # Second: a crash in between leaves `previous` at an older release that still stands.
        if before is not None:
            point_link(releases_dir / PREVIOUS_LINK, before)


def roll_back(releases_dir: Path) -> str:
    """Makes the previously active release current again and returns its version. Twice is back and forth.

    Raises Refused when no release served before, or it is gone.
    """
    version = previous_version(releases_dir)
    if version is None or version == current_version(releases_dir):
        raise Refused("no release served before this one", reason="NO_PREVIOUS_RELEASE")
    try:
        activate(releases_dir, version)
    except NotFound:
        raise Refused(f"release {version} is gone", reason="NO_PREVIOUS_RELEASE") from None
    return version


def prune(releases_dir: Path, keep: int) -> list[str]:
    """Removes the oldest releases until ``keep`` are left; returns the versions removed.

    The current and the previous release stay whatever their age. Servers that still map a removed release go on:
    its files live until they are unmapped.
    """
    with exclusive(releases_dir):
        for leftover in releases_dir.glob(f"{_REMOVING_PREFIX}*"):
            shutil.rmtree(leftover)
        protected = {current_version(releases_dir), previous_version(releases_dir)}
        entries = list_releases(releases_dir)
        candidates = [entry.version for entry in entries if entry.version not in protected]
        removed = candidates[: max(0, len(entries) - keep)]
        for version in removed:
            # Renamed first, so that a crash while removing leaves no half release under a release's name.
            leftover = releases_dir / f"{_REMOVING_PREFIX}{version}"
            os.rename(releases_dir / version, leftover)
            sync_directory(releases_dir)
            drop_stamp(releases_dir, version)
            shutil.rmtree(leftover)
        return removed


def _release_dirs(releases_dir: Path) -> list[Path]:
    if not releases_dir.is_dir():
        return []
    return [
        path
        for path in releases_dir.iterdir()
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
    ]


def _target(link: Path) -> str | None:
    try:
        return Path(os.readlink(link)).name
    except FileNotFoundError:
        return None


def _entry(path: Path, serving: str | None) -> ReleaseEntry:
    try:
        return ReleaseEntry(path.name, path.name == serving, read_manifest(path))
    except ReleaseRefused as error:
        return ReleaseEntry(path.name, path.name == serving, None, error.message)
