"""What stands between the network and a servicer, outermost first.

AuthInterceptor > AdmissionInterceptor > TelemetryInterceptor > ErrorInterceptor > GateInterceptor > RequestInterceptor >
DeadlineInterceptor > servicer

The first three have files of their own. Behind the first, all wrap the unary calls of shortlist.v1 only: health and reflection
answer while the server drains or is full.
"""

from __future__ import annotations

import logging
import time
import uuid
from abc import abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from server.errors import (
    DeadlineExceeded,
    FieldViolation,
    InvalidRequest,
    NotReady,
    ShortlistError,
    StoreUnavailable,
)
from server.rpc.call_deadline import CallDeadline, set_call_deadline
from server.rpc.lanes import arrived_s
from server.rpc.status import internal_status, status_of

# Messages differ from method to method and pass through here unseen.
Behaviour = Callable[[Any, grpc.ServicerContext], Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # a plain class at run time

METHOD_PREFIX = "/shortlist.v1."

_LOG = logging.getLogger(__name__)
_SECONDS_WITHOUT_END = 1e8  # gRPC core gives "no deadline" as a time some centuries away


class UnaryInterceptor(grpc.ServerInterceptor):
    """Base: wraps a method's handler once and keeps it, so a call costs one dictionary look-up."""

    def __init__(self) -> None:
        self._wrapped: dict[str, Handler] = {}

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Returns the wrapped handler. Only methods that exist enter the dictionary, which bounds it."""
        method: str = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = continuation(handler_call_details)
            if handler is None or handler.unary_unary is None or not method.startswith(METHOD_PREFIX):
                return handler
            wrapped = self._wrapped[method] = self.wrap_handler(method, handler)
        return wrapped

    @abstractmethod
    def wrap_handler(self, method: str, handler: Handler) -> Handler:
        """Returns what serves the method in place of the handler."""


class BehaviourInterceptor(UnaryInterceptor):
    """Base of those that wrap the call and leave the encoding of its messages alone."""

    def wrap_handler(self, method: str, handler: Handler) -> Handler:
        """Returns the handler with its behaviour wrapped."""
        return grpc.unary_unary_rpc_method_handler(
            self.wrap(behaviour_of(handler)),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    @abstractmethod
    def wrap(self, behaviour: Behaviour) -> Behaviour:
        """Returns what is called in place of the behaviour."""


class ErrorInterceptor(BehaviourInterceptor):
    """Turns every exception into a status of the table. What is not in it is logged and told as an id only."""

    def wrap(self, behaviour: Behaviour) -> Behaviour:
        """Returns the behaviour with its exceptions answered."""

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return behaviour(request, context)
            except Exception as error:
                status = _status_for(error)
            # Outside the except clause: abort raises, and the error above must not become its context.
            context.abort_with_status(rpc_status.to_status(status))

        return answer


class ServingGate:
    """Whether calls are taken. Closed until the worker is ready, and again after it has drained."""

    def __init__(self) -> None:
        self.is_open = False


class GateInterceptor(BehaviourInterceptor):
    """Refuses calls with NotReady while the gate is closed."""

    def __init__(self, gate: ServingGate, retry_after_ms: int) -> None:
        super().__init__()
        self._gate = gate
        self._retry_after_ms = retry_after_ms

    def wrap(self, behaviour: Behaviour) -> Behaviour:
        """Returns the behaviour behind the gate."""

        def pass_gate(request: Any, context: grpc.ServicerContext) -> Any:
            if not self._gate.is_open:
                raise NotReady("starting or draining", retry_after_ms=self._retry_after_ms)
            return behaviour(request, context)

        return pass_gate


class RequestInterceptor(UnaryInterceptor):
    """Decodes requests on the call's own thread, and refuses those that are too large or no message at all.

    Responses that come as bytes are encoded already. decoders: by method, those in place of the message's own.
    gRPC decodes on the thread that serves all connections and answers a broken message with INTERNAL.
    """

    def __init__(
        self,
        read_message_bytes_max: int,
        message_bytes_max: int,
        decoders: Mapping[str, Callable[[bytes], Any]] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self._decoders = decoders
        self._read_message_bytes_max = read_message_bytes_max
        self._message_bytes_max = message_bytes_max

    def wrap_handler(self, method: str, handler: Handler) -> Handler:
        """Returns the handler taking raw bytes."""
        decode = self._decoders.get(method, handler.request_deserializer)
        if decode is None:
            raise ValueError(f"{method} has no request message")
        bytes_max = self._read_message_bytes_max if _is_read(method) else self._message_bytes_max
        behaviour = behaviour_of(handler)

        def read(raw: bytes, context: grpc.ServicerContext) -> Any:
            return behaviour(_decode(raw, decode, bytes_max), context)

        encode = handler.response_serializer

        def write(message: Any) -> bytes:
            return message if type(message) is bytes or encode is None else encode(message)

        return grpc.unary_unary_rpc_method_handler(read, response_serializer=write)


class DeadlineInterceptor(BehaviourInterceptor):
    """Sets the call's deadline: the caller's, or else deadline_ms from its arrival."""

    def __init__(self, deadline_ms: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._imposed_s = deadline_ms / 1e3
        self._monotonic_s = monotonic_s

    def wrap(self, behaviour: Behaviour) -> Behaviour:
        """Returns the behaviour with its deadline set, and not called at all when it has passed."""

        def within_deadline(request: Any, context: grpc.ServicerContext) -> Any:
            remaining_s = context.time_remaining()
            now_s = self._monotonic_s()
            if remaining_s is None or remaining_s > _SECONDS_WITHOUT_END:
                begun_s = arrived_s() or now_s
                set_call_deadline(CallDeadline(begun_s + self._imposed_s, self._imposed_s))
            elif remaining_s <= 0:
                raise DeadlineExceeded("the deadline passed before the call began")
            else:
                set_call_deadline(CallDeadline(now_s + remaining_s))
            return behaviour(request, context)

        return within_deadline


def _status_for(error: Exception) -> Status:
    status = status_of(error) if isinstance(error, ShortlistError) else None
    if status is None:
        log_id = uuid.uuid4().hex[:16]
        _LOG.error("internal error, log_id=%s", log_id, exc_info=error)
        return internal_status(log_id)
    if isinstance(error, StoreUnavailable):
        _LOG.warning("store unavailable: %s", error.message)
    return status


def behaviour_of(handler: Handler) -> Behaviour:
    """Returns what a unary handler calls; raises ValueError for a handler that streams."""
    if handler.unary_unary is None:
        raise ValueError("only unary calls are wrapped")
    return handler.unary_unary


def _is_read(method: str) -> bool:
    service, name = method.removeprefix(METHOD_PREFIX).split("/")
    return service == "RecommendationService" or name.startswith(("Get", "List"))


def _decode(raw: bytes, decode: Callable[[bytes], Any], bytes_max: int) -> Any:
    if len(raw) > bytes_max:
        raise InvalidRequest(
            [FieldViolation("", "REQUEST_TOO_LARGE", f"the request is larger than {bytes_max} bytes")]
        )
    try:
        return decode(raw)
    except DecodeError:
        violation = FieldViolation("", "REQUEST_MALFORMED", "the request is no valid message of its type")
        raise InvalidRequest([violation]) from None
