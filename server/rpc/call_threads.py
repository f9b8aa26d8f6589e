"""Threads that serve calls, without what a call has no use for: results, waiting for them, and the locks of both."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final

_LOG = logging.getLogger(__name__)


class PendingCall:
    """A call that waits or runs. Of a future it has what gRPC asks for: callbacks for its end, each called once.

    run: does the call. left_out: called in place of it, where the threads end first.
    """

    def __init__(self, run: Callable[[], object], left_out: Callable[[], object]) -> None:
        self._run = run
        self._left_out = left_out
        self._ended = False
        self._callbacks: list[Callable[[PendingCall], object]] = []

    def add_done_callback(self, fn: Callable[[PendingCall], object]) -> None:
        """Calls fn when the call has ended; at once where it has."""
        self._callbacks.append(fn)
        if self._ended:
            self._tell()

    def done(self) -> bool:
        """Returns whether the call has ended."""
        return self._ended

    def run(self, *, left_out: bool = False) -> None:
        """Does the call, or says that it is left out. What it raises is logged: nobody waits for it."""
        try:
            (self._left_out if left_out else self._run)()
        except Exception:
            _LOG.exception("a call's thread failed")
        finally:
            self._ended = True
            self._tell()

    def _tell(self) -> None:
        # Both threads that may be here take callbacks from the list one by one, so each is called once.
        while self._callbacks:
            try:
                callback = self._callbacks.pop()
            except IndexError:
                return
            callback(self)


_LATER: Final = PendingCall(lambda: None, lambda: None)
"""Stands in the queue for a call that others may overtake."""


class CallThreads(ThreadPoolExecutor):
    """A fixed number of threads. An executor because gRPC wants one; the base's own threads and queue stay unused.

    Calls are done in the order in which they come, save that those of put_later() let the others pass.
    """

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(max_workers=threads, thread_name_prefix=name)
        self._calls: SimpleQueue[PendingCall | None] = SimpleQueue()
        self._later: deque[PendingCall] = deque()
        self._busy = [False] * threads
        self._closed = False
        self._own_threads = [
            threading.Thread(target=self._serve, args=(number,), name=f"{name}_{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._own_threads:
            thread.start()

    @property
    def pending(self) -> int:
        """The number of calls that run or wait now."""
        return self._calls.qsize() + sum(self._busy)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> PendingCall:  # type: ignore[override]
        """Runs fn on a thread."""
        return self.put(PendingCall(lambda: fn(*args, **kwargs), _nothing))

    def put(self, call: PendingCall) -> PendingCall:
        """Queues a call. Raises RuntimeError after shutdown()."""
        if self._closed:
            raise RuntimeError("the threads have been shut down")
        self._calls.put(call)
        return call

    def put_later(self, call: PendingCall) -> PendingCall:
        """Queues a call that is done when no other waits. Raises RuntimeError after shutdown()."""
        if self._closed:
            raise RuntimeError("the threads have been shut down")
        self._later.append(call)
        self._calls.put(_LATER)
        return call

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the threads when they have done what waits, or at once, leaving that out, with cancel_futures."""
        self._closed = True
        if cancel_futures:
            self._leave_out()
        for _ in self._own_threads:
            self._calls.put(None)
        if wait:
            for thread in self._own_threads:
                thread.join()
            self._leave_out()  # What came in while the threads were told to end.

    def _serve(self, number: int) -> None:
        while (call := self._calls.get()) is not None:
            if call is _LATER:
                call = self._who_waits()
                if call is None:
                    continue
            self._busy[number] = True
            call.run()
            self._busy[number] = False
        # One that let others pass may have let the end pass too.
        while (call := self._one_of_later()) is not None:
            call.run()

    def _who_waits(self) -> PendingCall | None:
        """Returns a call that lets no other pass, where one waits, or else one of those that do."""
        found: PendingCall | None = _LATER
        passed = 0
        with suppress(Empty):
            while (found := self._calls.get_nowait()) is _LATER:
                passed += 1
        if found is not None and found is not _LATER:
            passed += 1
        else:
            if found is None:  # the end, which is to be met again
                self._calls.put(None)
            found = self._one_of_later()
        for _ in range(passed):
            self._calls.put(_LATER)
        return found

    def _one_of_later(self) -> PendingCall | None:
        try:
            return self._later.popleft()
        except IndexError:
            return None

    def _leave_out(self) -> None:
        while (later := self._one_of_later()) is not None:
            later.run(left_out=True)
        while True:
            try:
                call = self._calls.get_nowait()
            except Empty:
                return
            if call is not None and call is not _LATER:
                call.run(left_out=True)


def _nothing() -> None:
    """What there is to do for a call that is left out."""
