"""Ways for a call to its thread, chosen by the handler that an interceptor returns.

gRPC submits a call to its behaviour's ``experimental_thread_pool`` where it has one (grpc/_server.py, grpcio 1.85). A
lane stands there in front of the server's threads. Should grpcio lose the attribute, refused calls are refused by
the server's threads, later, and the tests of this package say so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import grpc

from server.admission.admission import Admission
from server.admission.priority import Priority
from server.rpc.call_threads import CallThreads, PendingCall
from server.rpc.thread_stamps import ThreadStamps

P = ParamSpec("P")
T = TypeVar("T")


class _Arrival(threading.local):
    time_s: float | None = None


_ARRIVAL = _Arrival()


def arrived_s() -> float | None:
    """Returns the time.monotonic() value at which the call on this thread arrived; None outside a lane."""
    return _ARRIVAL.time_s


@dataclass(frozen=True, slots=True)
class Threads:
    """Some of the server's threads, with what their watchdog reads."""

    pool: CallThreads
    stamps: ThreadStamps

    @classmethod
    def of(cls, count: int, name: str, patience_s: float) -> Threads:
        """Returns so many threads; patience_s: how long a call may keep one."""
        return cls(CallThreads(count, name), ThreadStamps(count, patience_s))


class CountedLane(ThreadPoolExecutor):
    """Passes calls on to the server's threads, and tells the admission of their arrival and end.

    It has no threads of its own. quick: whether the calls are of like work, so that their time says how the server
    is doing, and no healthy one takes long.
    """

    def __init__(
        self,
        behind: Threads,
        admission: Admission,
        priority: Priority,
        *,
        quick: bool,
    ) -> None:
        super().__init__(max_workers=1)
        # Someone waits for the others: what is fetched ahead lets them pass.
        self._put = behind.pool.put_later if priority is Priority.PREFETCH else behind.pool.put
        self._stamps = behind.stamps
        self._admission = admission
        self._priority = priority
        self._quick = quick

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> PendingCall:  # type: ignore[override]
        """Runs fn on one of the server's threads."""
        arrived_s = time.monotonic()
        self._admission.enter(self._priority)
        call = PendingCall(
            lambda: self._run(arrived_s, fn, args, kwargs),
            lambda: self._admission.leave(None, self._priority),
        )
        try:
            return self._put(call)
        except RuntimeError:  # the threads have been shut down
            self._admission.leave(None, self._priority)
            raise

    def _run(
        self, arrived_s: float, fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        _ARRIVAL.time_s = arrived_s
        self._stamps.begin()
        try:
            fn(*args, **kwargs)
        finally:
            self._stamps.end()
            _ARRIVAL.time_s = None
            self._admission.leave(time.monotonic() - arrived_s if self._quick else None, self._priority)


class InlineLane(ThreadPoolExecutor):
    """Runs calls at once on the thread that receives them: for refusals, which wait for nothing."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs fn and returns its outcome."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class RefusingBehaviour:
    """Ends a call with a status, on the thread that received it and without reading its message."""

    def __init__(self, status: grpc.Status) -> None:
        self.experimental_thread_pool = InlineLane()
        self._status = status

    def __call__(self, request: object, context: grpc.ServicerContext) -> None:
        context.abort_with_status(self._status)


def refusing_handler(status: grpc.Status) -> grpc.RpcMethodHandler[Any, Any]:
    """Returns a handler that ends any call with the status.

    It takes a stream, whatever the method: gRPC reads a single message before it calls, but a stream only on demand.
    """
    return grpc.stream_unary_rpc_method_handler(RefusingBehaviour(status))


class LaneBehaviour:
    """A behaviour that is called on the threads behind a lane."""

    def __init__(
        self, behaviour: Callable[[Any, grpc.ServicerContext], Any], lane: ThreadPoolExecutor
    ) -> None:
        self.experimental_thread_pool = lane
        self._behaviour = behaviour

    def __call__(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._behaviour(request, context)
