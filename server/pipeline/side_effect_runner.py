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
_IDLE_LOOKS = 100


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
    linger_s: how often the thread looks for entries while there are some: a request that had to wake it would give its
    core away in the middle of its work. After a while without any it sleeps, until the next one wakes it.
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
        self._lock = threading.Lock()
        self._handled = threading.Condition()
        self._wake = threading.Event()
        self._asleep = False
        self._stopping = False
        self._busy = False
        self._taken = 0
        self._thread: threading.Thread | None = None
        self.dropped = 0
        self.failed = 0

    @property
    def waiting(self) -> int:
        """The number of entries that wait."""
        return len(self._queue)

    @property
    def submitted(self) -> int:
        """The number of entries that were queued so far."""
        return self._taken + len(self._queue)

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._work, name="side-effects", daemon=True)
        self._thread.start()

    def submit(self, make: Make[EntryT]) -> bool:
        """Queues an entry, which the thread makes; returns False where the queue is full or the runner stops.

        Threads that submit at once may overshoot queue_max by one each.
        """
        if self._stopping or len(self._queue) >= self._queue_max:
            with self._lock:
                self.dropped += 1
            return False
        self._queue.append(make)
        # The thread says that it sleeps before it looks at the queue for the last time, so no entry is left lying.
        if self._asleep:
            self._wake.set()
        return True

    def flush(self, timeout_s: float) -> bool:
        """Waits until all that was submitted is handled; returns whether it was in time."""
        with self._handled:
            return self._handled.wait_for(lambda: not self._queue and not self._busy, timeout_s)

    def stop(self, timeout_s: float) -> bool:
        """Takes no more entries, handles those that wait and ends the thread; returns whether it was in time."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return False
            self._handle_waiting()  # What was submitted while the thread ended.
        for effect in self._effects:
            effect.close()
        return True

    def _work(self) -> None:
        idle = 0
        while not self._stopping:
            if self._handle_waiting():
                idle = 0
            elif idle < _IDLE_LOOKS:
                idle += 1
                self._wake.wait(self._linger_s)
            else:
                self._sleep()
        self._handle_waiting()

    def _sleep(self) -> None:
        self._asleep = True
        if not self._queue and not self._stopping:
            self._wake.wait()
        self._asleep = False
        if not self._stopping:
            self._wake.clear()

    def _handle_waiting(self) -> bool:
        """Hands all that waits to the effects; returns whether there was any."""
        some = False
        while self._queue:
            self._busy = some = True
            entries = self._make(self._next_batch())
            for effect in self._effects:
                if not effect.run(entries):
                    self.failed += len(entries)
            with self._handled:
                self._busy = False
                self._handled.notify_all()
        return some

    def _next_batch(self) -> list[Make[EntryT]]:
        batch = [self._queue.popleft() for _ in range(min(self._batch_max, len(self._queue)))]
        self._taken += len(batch)
        return batch

    def _make(self, batch: Sequence[Make[EntryT]]) -> list[EntryT]:
        entries = []
        for make in batch:
            try:
                entries.append(make())
            except Exception:
                _logger.exception("an entry could not be made")
                self.failed += 1
        return entries
