"""A worker's thread that keeps the release's model loaded on the model server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from server.errors import ModelServerUnavailable, ReleaseRefused
from server.inference.protocols import ScoringRelease

log = logging.getLogger(__name__)

_LOG_INTERVAL_S = 60.0

Releases = Callable[[], tuple[ScoringRelease | None, ScoringRelease | None]]


class Models(Protocol):
    """What loads models."""

    def ensure(self, release: ScoringRelease, keep: ScoringRelease | None = None) -> None:
        """Returns when the release's model is loaded and right. Raises ModelServerUnavailable or ReleaseRefused."""
        ...


class ModelKeeper:
    """Looks every interval_s, and once more before a switch: the model server may start, stop and forget as it likes."""

    def __init__(
        self,
        models: Models,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._models = models
        self._interval_s = interval_s
        self._clock = clock
        self._logged: tuple[str, float] = ("", 0.0)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def prepare(self, release: ScoringRelease, serving: ScoringRelease | None) -> None:
        """Has the model of a release loaded before it is switched to.

        Raises ReleaseRefused where the model server has a wrong model for it and another release serves. Where it
        does not answer, or nothing serves yet, the release serves by the local model until it does.
        """
        try:
            self._models.ensure(release, serving)
        except ModelServerUnavailable as error:
            self._say(error)
        except ReleaseRefused as error:
            if serving is not None:
                raise
            self._say(error)

    def look(self, release: ScoringRelease, before: ScoringRelease | None) -> None:
        """Has the serving release's model loaded again where it is not, and that of the release before beside it."""
        try:
            self._models.ensure(release, before)
            if self._logged[0]:
                log.info("the model server serves the release's model again")
            self._logged = ("", 0.0)
        except (ModelServerUnavailable, ReleaseRefused) as error:
            self._say(error)

    def start(self, releases: Releases) -> None:
        """Starts the thread. releases: gives the release that serves, and the one before it, where there is one."""
        self._thread = threading.Thread(target=self._run, args=(releases,), name="model-keeper", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ends the thread; a load that is under way is waited for, for at most timeout_s."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, releases: Releases) -> None:
        while not self._stopped.wait(self._interval_s):
            try:
                release, before = releases()
                if release is not None:
                    self.look(release, before)
            except Exception:
                log.exception("the model server cannot be looked after")

    def _say(self, error: ModelServerUnavailable | ReleaseRefused) -> None:
        """Logs a problem when it is new, and again once a minute."""
        reason, logged_s = self._logged
        if error.reason == reason and self._clock() - logged_s < _LOG_INTERVAL_S:
            return
        self._logged = (error.reason, self._clock())
        log.error("scoring in this process (%s): %s", error.reason, error.message)
