"""What happens after the reply: a bounded queue, and one thread that owns it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, final

EntryT = TypeVar("EntryT")
Make = Callable[[], EntryT]

_logger = logging.getLogger(__name__)

_LOG_INTERVAL_S = 10.0


class SideEffect(Generic[EntryT]):
    """Does something with what was served. A failure is counted and touches neither the reply nor other effects.

    Failures are logged, with the last one's traceback, once an interval: what fails for one batch fails for the next.
    """

    _log_after_s = 0.0
    _failed = 0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not getattr(cls.run, "__final__", False):
            raise TypeError(f"{cls.__name__}: run() is final; write apply()")

    def apply(self, entries: Sequence[EntryT]) -> None:
        """Handles entries, oldest first."""
        raise NotImplementedError

    def close(self) -> None:
        """Gives back what the effect holds, after the last entry."""

    @final
    def run(self, entries: Sequence[EntryT]) -> bool:
        """Returns whether apply() succeeded."""
        try:
            self.apply(entries)
        except Exception:
            self._failed += len(entries)
            if time.monotonic() >= self._log_after_s:
                self._log_after_s = time.monotonic() + _LOG_INTERVAL_S
                _logger.exception("%s failed for %d entries so far", type(self).__name__, self._failed)
            return False
        return True


class SideEffectRunner(Generic[EntryT]):
    """Queues entries and hands them, in batches, to the effects on a thread of its own.

    queue_max: entries that wait at most; more are dropped and counted. batch_max: entries handed over at once.
    linger_s: how long the thread lets a batch grow once its first entry is there: the wake-ups of a busy
    server are one a batch and not one a request.
    """

    def __init__(
        self,
        effects: Sequence[SideEffect[EntryT]],
        *,
        queue_max: int,
        batch_max: int = 256,
        linger_s: float = 0.01,
    ) -> None:
        self._effects = tuple(effects)
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._linger_s = linger_s
        self._queue: deque[Make[EntryT]] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._busy = False
        self._thread: threading.Thread | None = None
        self.submitted = 0
        self.dropped = 0
        self.failed = 0

    @property
    def waiting(self) -> int:
        """The number of entries that wait."""
        return len(self._queue)

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._work, name="side-effects", daemon=True)
        self._thread.start()

    def submit(self, make: Make[EntryT]) -> bool:
        """Queues an entry, which the thread makes; returns False where the queue is full or the runner stops."""
        with self._changed:
            if self._stopping or len(self._queue) >= self._queue_max:
                self.dropped += 1
                return False
            self.submitted += 1
            self._queue.append(make)
            if len(self._queue) == 1:
                self._changed.notify_all()
        return True

    def flush(self, timeout_s: float) -> bool:
        """Waits until all that was submitted is handled; returns whether it was in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._busy, timeout_s)

    def stop(self, timeout_s: float) -> bool:
        """Takes no more entries, handles those that wait and ends the thread; returns whether it was in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return False
        for effect in self._effects:
            effect.close()
        return True

    def _work(self) -> None:
        while batch := self._next_batch():
            entries = self._make(batch)
            for effect in self._effects:
                if not effect.run(entries):
                    self.failed += len(entries)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next_batch(self) -> list[Make[EntryT]]:
        """Returns entries to make; none once the runner stops and the queue is empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopping)
            if not self._stopping:
                self._changed.wait_for(lambda: self._stopping, self._linger_s)
            self._busy = bool(self._queue)
            return [self._queue.popleft() for _ in range(min(self._batch_max, len(self._queue)))]

    def _make(self, batch: Sequence[Make[EntryT]]) -> list[EntryT]:
        entries = []
        for make in batch:
            try:
                entries.append(make())
            except Exception:
                _logger.exception("an entry could not be made")
                self.failed += 1
        return entries
