"""A gRPC server that passes unary calls on to another, some of them late.

A proxy of bytes cannot make one call in twenty slow: all calls of a connection wait behind a late piece of it.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent import futures
from types import TracebackType

import grpc

_THREADS = 16
_SEED = 7


class CallProxy(grpc.GenericRpcHandler):
    """Runs while the block runs, on a port of 127.0.0.1. late_share: of the calls to methods whose name ends with `method`,
    so many are passed on late_s late; both may be changed at any time."""

    def __init__(self, target: str, method: str) -> None:
        self.late_share = self.late_s = 0.0
        self._method = method
        self._random = random.Random(_SEED)
        self._lock = threading.Lock()
        self._channel = grpc.insecure_channel(target)
        self._server = grpc.server(futures.ThreadPoolExecutor(_THREADS), handlers=[self])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def __enter__(self) -> CallProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop(None).wait(10)
        self._channel.close()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Returns what passes a call on."""
        method: str = handler_call_details.method
        pass_on = self._channel.unary_unary(method)

        def call(request: bytes, context: grpc.ServicerContext) -> bytes:
            if method.endswith(self._method) and self._is_late():
                time.sleep(self.late_s)
            try:
                reply: bytes = pass_on(request, timeout=context.time_remaining())
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
            return reply

        return grpc.unary_unary_rpc_method_handler(call)

    def _is_late(self) -> bool:
        with self._lock:
            return self._random.random() < self.late_share
