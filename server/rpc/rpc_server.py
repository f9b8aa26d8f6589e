"""A built server: its port, and the order in which it starts, takes calls, drains and stops."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse

from server.admission.admission import Admission
from server.rpc.interceptors import ServingGate
from server.rpc.lanes import Threads

DEGRADED_SUFFIX = "/degraded"
"""Behind a service's name in health: NOT_SERVING while most of its answers are degraded. For people who watch, not for
balancers: a degraded answer is better than none."""

_SETTLE_S = 5.0  # gRPC core ends cancelled calls right after the grace; more than this is a hang


class RpcServer:
    """Owns the gRPC server, its threads, its gate and its health service.

    ``start()`` listens, ``open()`` takes calls, ``drain()`` ends it. The health service answers NOT_SERVING before
    ``open()`` and from the start of ``drain()``, for "" and for each service by its full name. ``admission`` counts
    what was taken and refused.
    """

    def __init__(
        self,
        server: grpc.Server,
        port: int,
        threads: Sequence[Threads],
        gate: ServingGate,
        admission: Admission,
        health_servicer: health.HealthServicer,
        service_names: Sequence[str],
    ) -> None:
        self.port = port
        self.admission = admission
        self._server = server
        self._threads = threads
        self._gate = gate
        self._health = health_servicer
        self._health_names = ("", *service_names, *(f"{name}{DEGRADED_SUFFIX}" for name in service_names))
        self._set_health(HealthCheckResponse.NOT_SERVING)

    @property
    def pending_calls(self) -> int:
        """The number of calls that run or wait for a thread."""
        return sum(each.pool.pending for each in self._threads)

    def start(self) -> None:
        """Listens. Calls are answered with NOT_READY until open()."""
        self._server.start()

    def open(self) -> None:
        """Takes calls from now on."""
        self._gate.is_open = True
        self._set_health(HealthCheckResponse.SERVING)

    def close(self) -> None:
        """Answers calls with NOT_READY again, as before open(); running calls go on."""
        self._gate.is_open = False
        self._set_health(HealthCheckResponse.NOT_SERVING)

    def set_degraded(self, service: str, degraded: bool) -> None:
        """Says whether most of a service's answers are degraded; the service itself goes on SERVING."""
        status = HealthCheckResponse.NOT_SERVING if degraded else HealthCheckResponse.SERVING
        self._health.set(f"{service}{DEGRADED_SUFFIX}", status)

    def threads_stuck(self, busy: bool) -> bool:
        """Returns whether every thread of a kind has been at one call for too long. busy: the process is computing."""
        return any(each.stamps.all_stuck(busy) for each in self._threads)

    def announce_drain(self) -> None:
        """Says NOT_SERVING for good and goes on taking calls, so that balancers turn away before drain()."""
        self._health.enter_graceful_shutdown()

    def drain(self, grace_s: float) -> bool:
        """Says NOT_SERVING, refuses new connections, lets running calls end for up to grace_s, and stops.

        A call that still gets in on an old connection is answered, not refused: its client did nothing wrong.
        Returns whether everything has ended.
        """
        self.announce_drain()
        stopped = self._server.stop(grace_s).wait(grace_s + _SETTLE_S)
        self._gate.is_open = False
        for each in self._threads:
            each.pool.shutdown(wait=stopped, cancel_futures=True)
        return stopped

    def _set_health(self, status: HealthCheckResponse.ServingStatus.ValueType) -> None:
        for name in self._health_names:
            self._health.set(name, status)
