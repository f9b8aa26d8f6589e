"""Takes or refuses each call when it arrives, before it waits for a thread and before its message is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import grpc
from grpc_status import rpc_status

from server.admission.admission import Admission
from server.admission.lock_pace import LockPace
from server.admission.priority import PRIORITY_KEY, Priority, priority_of
from server.errors import Overloaded
from server.rpc.interceptors import METHOD_PREFIX, Handler
from server.rpc.lanes import CountedLane, LaneBehaviour, Threads, refusing_handler
from server.rpc.status import status_of

_QUICK = frozenset(
    f"{METHOD_PREFIX}RecommendationService/{name}" for name in ("Recommend", "RecommendSimilar", "RankItems")
)
"""Calls of about the same work, whose time shows how the server is doing. Writes wait for the disk, batches are long."""


class AdmissionInterceptor(grpc.ServerInterceptor):
    """Refuses a call with Overloaded while the admission has no room for its priority.

    It comes first of all that wrap a call: gRPC must see its handler's behaviour to find the lane.
    reads: threads of calls that compute. others: those of writes and batches. retry_after_ms: by priority.
    refused: is told the method and the status of each call refused.
    """

    def __init__(
        self,
        admission: Admission,
        reads: Threads,
        others: Threads,
        retry_after_ms: tuple[int, int],
        refused: Callable[[str, str], None] = lambda method, code: None,
    ) -> None:
        self._admission = admission
        self._reads = reads
        self._others = others
        self._refused = refused
        self._pace = LockPace()
        self._handlers: tuple[dict[str, Handler], ...] = tuple({} for _ in Priority)
        self._refusals = tuple(_refusal(priority, retry_after_ms[priority]) for priority in Priority)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Returns the method's handler behind its lane, or one that refuses. Health and reflection pass."""
        method: str = handler_call_details.method
        priority = _priority(handler_call_details.invocation_metadata)
        handler = self._handlers[priority].get(method)
        if handler is None:
            handler = continuation(handler_call_details)
            if handler is None or handler.unary_unary is None or not method.startswith(METHOD_PREFIX):
                return handler
            handler = self._handlers[priority][method] = self._behind_lane(method, handler, priority)
        if self._admission.has_room(priority):
            self._pace.taken()
            return handler
        self._pace.refused()
        self._refused(method, grpc.StatusCode.RESOURCE_EXHAUSTED.name)
        return self._refusals[priority]

    def _behind_lane(self, method: str, handler: Handler, priority: Priority) -> Handler:
        assert handler.unary_unary is not None
        quick = method in _QUICK
        threads = self._reads if quick else self._others
        lane = CountedLane(threads, self._admission, priority, quick=quick)
        return grpc.unary_unary_rpc_method_handler(
            LaneBehaviour(handler.unary_unary, lane),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _priority(metadata: Iterable[tuple[str, str | bytes]]) -> Priority:
    for key, value in metadata:
        if key == PRIORITY_KEY:
            return priority_of(value)
    return Priority.INTERACTIVE


def _refusal(priority: Priority, retry_after_ms: int) -> Handler:
    error = Overloaded(f"no room for {priority.name.lower()} calls", retry_after_ms=retry_after_ms)
    status = status_of(error)
    assert status is not None
    return refusing_handler(rpc_status.to_status(status))
