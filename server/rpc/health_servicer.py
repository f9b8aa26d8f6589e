"""grpc.health.v1 without a way to stand still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc_health.v1 import health

from server.rpc.call_threads import CallThreads


class PatientHealthServicer(health.HealthServicer):  # type: ignore[misc]
    """Ends watches on a thread of its own.

    The library (grpcio-health-checking 1.81) ends them on the thread that serves all connections, and waits there for a
    lock; who holds it, to send another watch its status, waits for that thread to say that it was sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ends = CallThreads(1, "health")

    def _on_close_callback(self, send_response_callback: Any, service: str) -> Callable[[], None]:
        end: Callable[[], None] = super()._on_close_callback(send_response_callback, service)

        def end_elsewhere() -> None:
            self._ends.submit(end)

        return end_elsewhere
