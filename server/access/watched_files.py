"""Files that are read again when they change, and whose last good content stays when the new one is broken."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from server.errors import Refused

log = logging.getLogger(__name__)

ValueT = TypeVar("ValueT")

LOOK_INTERVAL_S = 0.5
"""The files are looked at this often at most, and only while someone asks."""


class WatchedFiles(Generic[ValueT]):
    """The value that a few files hold. Thread-safe.

    load: reads the value; raises Refused, OSError or ValueError for files that cannot be used. The first time these
    reach the caller, as Refused; later the value before stays, and the log says why, once a change.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        load: Callable[[], ValueT],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = tuple(paths)
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._next_look_s = clock() + LOOK_INTERVAL_S
        self._signature = self._sign()
        self._told: object = None
        try:
            self._value = load()
        except (OSError, ValueError) as error:
            raise Refused(f"{error}", reason="ACCESS_FILES") from None

    def current(self) -> ValueT:
        """Returns the value of the files as they are, or were before they broke."""
        if self._clock() >= self._next_look_s and self._lock.acquire(blocking=False):
            try:
                self._next_look_s = self._clock() + LOOK_INTERVAL_S
                self._look()
            finally:
                self._lock.release()
        return self._value

    def _look(self) -> None:
        signature = self._sign()
        if signature == self._signature:
            return
        try:
            self._value = self._load()
        except (Refused, OSError, ValueError) as error:
            # Several files are not replaced in one moment: what does not fit together now is tried again.
            if self._told != signature:
                log.error("%s is kept as it was: %s", self._paths[0], error)
                self._told = signature
            return
        self._signature = signature
        log.info("%s was read again", self._paths[0])

    def _sign(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_sign(path) for path in self._paths)


def _sign(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
