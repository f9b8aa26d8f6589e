"""The release that a worker serves: always with the newest item changes, switched between two requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from server.errors import NotReady, ReleaseRefused, StoreUnavailable
from server.releases.mapped_release import MappedRelease
from server.releases.overlay import ItemChange, Overlay
from server.releases.registry import current_version, previous_version
from server.releases.verify import verify_release


class ItemChangeLog(Protocol):
    """The part of the overlay log that a holder reads."""

    def read_after(self, sequence: int) -> Iterator[ItemChange]:
        """Yields entries with a larger sequence number, in order."""
        ...

    def last_sequence(self) -> int:
        """Returns the newest entry's number, 0 when empty."""
        ...


@dataclass(frozen=True, slots=True)
class RefusedRelease:
    """A release that was to be served and was not."""

    version: str
    reason: str
    message: str


class ReleaseHolder:
    """Thread-safe. A reference that current() has given stays valid for as long as its taker keeps it.

    read_sequence: newest item change that any process has announced; called for every request, so it must be
    as cheap as a look into shared memory. Without it the log itself is asked.
    prepare: called with a release and the one that serves before it is switched to; raises ReleaseRefused to keep
    the old one.
    refused: the last release that could not be served, None after a success.
    overlay_failures: how often the log could not be read; the release then serves with the changes that it has.
    """

    def __init__(
        self,
        releases_dir: Path,
        overlay_log: ItemChangeLog,
        *,
        read_sequence: Callable[[], int] | None = None,
        ann_expansion_search: int = 64,
        prefault_pages: bool = True,
        prepare: Callable[[MappedRelease, MappedRelease | None], None] | None = None,
    ) -> None:
        self._prepare = prepare
        self._releases_dir = releases_dir
        self._overlay_log = overlay_log
        self._read_sequence = read_sequence or overlay_log.last_sequence
        self._ann_expansion_search = ann_expansion_search
        self._prefault_pages = prefault_pages
        self._overlay = Overlay()
        self._overlay_lock = threading.Lock()
        self._refresh_lock = threading.Lock()
        self._release: MappedRelease | None = None
        self._previous: MappedRelease | None = None
        self.refused: RefusedRelease | None = None
        self.overlay_failures = 0

    @property
    def release(self) -> MappedRelease | None:
        """Returns the release that serves, as it is, or None before the first refresh."""
        return self._release

    @property
    def previous(self) -> MappedRelease | None:
        """Returns the release that served before, kept mapped so that going back takes no time."""
        return self._previous

    def current(self) -> MappedRelease:
        """Returns the serving release with every announced item change. Raises NotReady when there is none."""
        release = self._release
        if release is None:
            raise NotReady("no release is active", reason="NO_RELEASE")
        if self._read_sequence() > release.overlay_sequence:
            self._catch_up(release)
        return release

    def refresh(self) -> bool:
        """Switches to the release that ``current`` points to; returns whether it serves now.

        Verifies, maps, prefaults and brings it up to date first, while the old one serves. A release that is
        refused leaves the old one serving, or, where none does yet, the one before it, and is noted in ``refused``.
        """
        with self._refresh_lock:
            version = current_version(self._releases_dir)
            if version is None:
                return False
            if self._release is not None and self._release.version == version:
                self.refused = None
                return True
            if self._switch_to(version):
                self.refused = None
                return True
            if self._release is None:
                self._begin_with_previous(version)
            return False

    def _switch_to(self, version: str) -> bool:
        release = self._open(version)
        if release is None:
            return False
        self._catch_up(release)
        if not self._is_prepared(release):
            return False
        if self._release is not None:
            self._previous = self._release
        self._release = release
        return True

    def _begin_with_previous(self, refused: str) -> None:
        """Serves the release before: a process that starts when the current one is damaged has nothing else."""
        why, version = self.refused, previous_version(self._releases_dir)
        if version is not None and version != refused:
            self._switch_to(version)
        self.refused = why

    def _open(self, version: str) -> MappedRelease | None:
        if self._previous is not None and self._previous.version == version:
            return self._previous
        release_dir = self._releases_dir / version
        try:
            behind = self._release is not None
            manifest = verify_release(release_dir, behind=behind)
            return MappedRelease.open(
                release_dir,
                manifest=manifest,
                ann_expansion_search=self._ann_expansion_search,
                prefault_pages=self._prefault_pages,
                behind=behind,
            )
        except ReleaseRefused as error:
            self.refused = RefusedRelease(version, error.reason, error.message)
        except (OSError, ValueError, RuntimeError, MemoryError) as error:
            self.refused = RefusedRelease(version, "RELEASE_UNREADABLE", f"cannot be mapped: {error}")
        return None

    def _is_prepared(self, release: MappedRelease) -> bool:
        if self._prepare is None:
            return True
        try:
            self._prepare(release, self._release)
        except ReleaseRefused as error:
            self.refused = RefusedRelease(release.version, error.reason, error.message)
            return False
        return True

    def _catch_up(self, release: MappedRelease) -> None:
        with self._overlay_lock:
            try:
                self._overlay.apply(release, self._overlay_log.read_after(release.overlay_sequence))
            except StoreUnavailable:
                self.overlay_failures += 1
