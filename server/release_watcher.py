"""A worker's thread that follows the current release, and says what the worker serves."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from server.releases.registry import current_version
from server.releases.release_holder import ReleaseHolder

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ReleaseWatcher:
    """Refreshes the holder when the release generation moved, or when `current` points elsewhere.

    The generation makes a switch that was asked of this server quick and countable; the link is looked at every
    link_interval_s, so that a release published by another process is served without being announced.
    read_generation: a look into shared memory. report: takes (generation, version, overlay sequence).
    """

    holder: ReleaseHolder
    releases_dir: Path
    read_generation: Callable[[], int]
    report: Callable[[int, str, int], None]
    poll_interval_s: float = 0.02
    link_interval_s: float = 0.5
    clock: Callable[[], float] = time.monotonic
    _generation: int = field(init=False, default=-1)
    _link: str | None = field(init=False, default=None)
    _next_link_s: float = field(init=False, default=0.0)
    _reported: tuple[int, str, int] | None = field(init=False, default=None)
    _stopped: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread | None = field(init=False, default=None)

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._run, name="release-watcher", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ends the thread; a switch that is under way is finished first, for at most timeout_s."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def look(self) -> None:
        """Switches where that is due, and reports what is served when it changed."""
        generation = self.read_generation()
        if generation != self._generation or self._link_moved():
            # The link is noted before it is followed: a flip in between is then seen as a change next time.
            self._link = current_version(self.releases_dir)
            self._next_link_s = self.clock() + self.link_interval_s
            self._switch()
            self._generation = generation
        release = self.holder.release
        if release is not None:
            applied = (self._generation, release.version, release.overlay_sequence)
            if applied != self._reported:
                self.report(*applied)
                self._reported = applied

    def _link_moved(self) -> bool:
        if self.clock() < self._next_link_s:
            return False
        self._next_link_s = self.clock() + self.link_interval_s
        return current_version(self.releases_dir) != self._link

    def _switch(self) -> None:
        before = self.holder.release
        self.holder.refresh()
        after, refused = self.holder.release, self.holder.refused
        if refused is not None:
            kept = before.version if before else "none"
            log.error(
                "release %s is refused (%s): %s; %s serves on",
                refused.version,
                refused.reason,
                refused.message,
                kept,
            )
        elif after is not None and after is not before:
            log.info("serving release %s", after.version)

    def _run(self) -> None:
        while not self._stopped.wait(self.poll_interval_s):
            try:
                self.look()
            except Exception:
                log.exception("the current release cannot be followed")
                self._stopped.wait(self.link_interval_s)
