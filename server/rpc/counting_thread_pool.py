"""A thread pool that knows how much waits in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class CountingThreadPool(ThreadPoolExecutor):
    """Counts tasks from submission to their end, however they end."""

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(max_workers=threads, thread_name_prefix=name)
        self._count_lock = threading.Lock()
        self._pending = 0

    @property
    def pending(self) -> int:
        """The number of tasks that run or wait now."""
        return self._pending

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs fn on a thread, as ThreadPoolExecutor does."""
        future = super().submit(fn, *args, **kwargs)
        with self._count_lock:
            self._pending += 1
        # Called at once when the task has ended already, so the count comes back to where it was.
        future.add_done_callback(self._end)
        return future

    def _end(self, _future: Future[T]) -> None:
        with self._count_lock:
            self._pending -= 1
