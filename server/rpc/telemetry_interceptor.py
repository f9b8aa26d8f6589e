"""Tells telemetry of every call, and the caller the id of a trace that is kept. Outermost, so that it sees all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import Any, Generic, Protocol, TypeVar

import grpc

from server.rpc.interceptors import Behaviour, Handler, UnaryInterceptor, behaviour_of

TRACE_ID_KEY = "trace_id"
UNKNOWN_METHOD = "_OTHER"

CallT = TypeVar("CallT")


class CallObserver(Protocol, Generic[CallT]):
    """What is told of calls."""

    def begin(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> CallT:
        """Returns what end() is given."""
        ...

    def end(self, call: CallT, code: str) -> str:
        """Returns the id of the call's trace where it is kept, otherwise nothing."""
        ...


class TelemetryInterceptor(UnaryInterceptor, Generic[CallT]):
    """Calls the observer at each call's start and end. A method that does not exist is told as _OTHER."""

    def __init__(self, observer: CallObserver[CallT]) -> None:
        super().__init__()
        self._observer = observer

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Returns the wrapped handler."""
        handler = super().intercept_service(continuation, handler_call_details)
        if handler is None:
            # In a context of its own: this thread is gRPC's, and has no call.
            copy_context().run(self._count_unknown)
        return handler

    def _count_unknown(self) -> None:
        self._observer.end(self._observer.begin(UNKNOWN_METHOD, ()), grpc.StatusCode.UNIMPLEMENTED.name)

    def wrap_handler(self, method: str, handler: Handler) -> Handler:
        """Returns the handler with its calls observed."""
        return grpc.unary_unary_rpc_method_handler(
            self._observed(method.removeprefix("/"), behaviour_of(handler)),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _observed(self, method: str, behaviour: Behaviour) -> Behaviour:
        begin, end = self._observer.begin, self._observer.end

        def observe(request: Any, context: grpc.ServicerContext) -> Any:
            call = begin(method, context.invocation_metadata() or ())
            code = grpc.StatusCode.UNKNOWN.name
            try:
                response = behaviour(request, context)
                code = grpc.StatusCode.OK.name
                return response
            except Exception:
                code = _code_of(context)
                raise
            finally:
                if trace_id := end(call, code):
                    trailers = context.trailing_metadata() or ()
                    context.set_trailing_metadata((*trailers, (TRACE_ID_KEY, trace_id)))

        return observe


def _code_of(context: grpc.ServicerContext) -> str:
    """Returns the status that the call was aborted with."""
    code = context.code()  # type: ignore[attr-defined]
    return code.name if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN.name
