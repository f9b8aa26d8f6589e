"""The use cases of releases: which there are, and switching all workers from one to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from server.errors import NotFound, Refused
from server.handlers.messages import ReleaseSummary, WorkerStatus
from server.releases import registry
from server.releases.registry import ReleaseEntry
from server.releases.verify import verify_release


class ReleaseHandler:
    """Switches releases. One at a time over all processes, by the directory's lock.

    switch: tells every worker to look at the current release, returns what each serves once all have looked,
    raises Unavailable when that takes too long. statuses: what each worker serves now.
    """

    def __init__(
        self,
        releases_dir: Path,
        *,
        switch: Callable[[], Sequence[WorkerStatus]],
        statuses: Callable[[], Sequence[WorkerStatus]],
    ) -> None:
        self._releases_dir = releases_dir
        self._switch = switch
        self._statuses = statuses

    def list_releases(self) -> list[ReleaseSummary]:
        """Returns the releases on disk, newest first."""
        return [_summary(entry) for entry in reversed(registry.list_releases(self._releases_dir))]

    def activate(self, version: str) -> list[WorkerStatus]:
        """Verifies a release, makes it current and returns when every worker serves it.

        Raises NotFound, ReleaseRefused when it does not verify (nothing changed then), Refused naming the
        workers that would not switch, Unavailable when some did not answer in time.
        """
        self._verify(version)
        registry.activate(self._releases_dir, version)
        return self._switched(version)

    def roll_back(self) -> list[WorkerStatus]:
        """Makes the previously active release current; as activate(). Raises Refused when there is none."""
        version = registry.previous_version(self._releases_dir)
        if version is not None and version != registry.current_version(self._releases_dir):
            self._verify(version)
        return self._switched(registry.roll_back(self._releases_dir))

    def status(self) -> tuple[str, list[WorkerStatus]]:
        """Returns the version that is to be served, empty before the first, and what every worker serves."""
        return registry.current_version(self._releases_dir) or "", list(self._statuses())

    def _verify(self, version: str) -> None:
        if version not in {entry.version for entry in registry.list_releases(self._releases_dir)}:
            raise NotFound("release", version, reason="RELEASE_NOT_FOUND")
        verify_release(self._releases_dir / version, behind=True)

    def _switched(self, version: str) -> list[WorkerStatus]:
        statuses = list(self._switch())
        behind = [status for status in statuses if status.release_version != version]
        if behind:
            which = ", ".join(f"worker {s.worker} serves {s.release_version or 'nothing'}" for s in behind)
            raise Refused(f"release {version} is current, but {which}", reason="SWITCH_INCOMPLETE")
        return statuses


def _summary(entry: ReleaseEntry) -> ReleaseSummary:
    manifest = entry.manifest
    if manifest is None:
        return ReleaseSummary(entry.version, 0, "", 0, 0, entry.serving, refused_reason=entry.refused_reason)
    return ReleaseSummary(
        version=entry.version,
        created_time_s=manifest.created_time_s,
        parent=manifest.parent,
        item_count=manifest.item_count,
        size_bytes=manifest.size_bytes,
        serving=entry.serving,
        metrics=manifest.metrics,
    )
