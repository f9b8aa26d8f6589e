"""Puts servicers, interceptors, health and reflection together into a server. Reads no Settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from shortlist.v1.catalog_service_pb2_grpc import add_CatalogServiceServicer_to_server
from shortlist.v1.event_service_pb2_grpc import add_EventServiceServicer_to_server
from shortlist.v1.profile_service_pb2_grpc import add_ProfileServiceServicer_to_server
from shortlist.v1.recommendation_service_pb2_grpc import add_RecommendationServiceServicer_to_server
from shortlist.v1.release_service_pb2_grpc import add_ReleaseServiceServicer_to_server

from server.access.tls_files import TlsContent
from server.access.tokens import TokenTable
from server.access.watched_files import WatchedFiles
from server.admission.admission import Admission, AdmissionValues
from server.rpc.admission_interceptor import AdmissionInterceptor
from server.rpc.auth_interceptor import AuthInterceptor
from server.rpc.connection_limits import ConnectionLimits
from server.rpc.conversions.recommendations import decode_recommend
from server.rpc.health_servicer import PatientHealthServicer
from server.rpc.interceptors import (
    METHOD_PREFIX,
    DeadlineInterceptor,
    ErrorInterceptor,
    GateInterceptor,
    RequestInterceptor,
    ServingGate,
)
from server.rpc.lanes import Threads
from server.rpc.rpc_server import RpcServer
from server.rpc.servicers.catalog_servicer import CatalogServicer
from server.rpc.servicers.event_servicer import EventServicer
from server.rpc.servicers.event_time_rule import EventTimeRule
from server.rpc.servicers.profile_servicer import ProfileServicer
from server.rpc.servicers.recommendation_servicer import RecommendationServicer
from server.rpc.servicers.release_servicer import ReleaseServicer
from server.rpc.telemetry_interceptor import CallObserver, TelemetryInterceptor
from server.rpc.tls import server_credentials
from server.rpc.use_cases import (
    CatalogUseCases,
    EventUseCases,
    ProfileUseCases,
    RecommendUseCases,
    ReleaseUseCases,
)

RECOMMENDATION_SERVICE = "shortlist.v1.RecommendationService"
PUBLIC_SERVICES = (
    RECOMMENDATION_SERVICE,
    "shortlist.v1.EventService",
    "shortlist.v1.CatalogService",
    "shortlist.v1.ProfileService",
)
ADMIN_SERVICES = ("shortlist.v1.ReleaseService",)

_DECODERS = {f"{METHOD_PREFIX}RecommendationService/Recommend": decode_recommend}

_OTHERS_PATIENCE = 10
"""Writes wait for the disk and batches are long: their threads may take so many times as long as those of reads."""

_CORE_REFUSES_AT = 2
"""gRPC core refuses without details, but at twice the speed: the last line, behind admission's limit times this."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where a server listens and what it takes. port 0 lets the system choose one.

    read_threads: for Recommend, RecommendSimilar and RankItems. threads: for all other calls.

    reuse_port: several processes may listen on the port, as workers do.
    admission: how many calls may run or wait for one of the threads; more are refused. retry_after_ms: what calls
    that are refused are told, by priority. tokens: None = calls need none. tls: None = plain text.
    deadline_ms: the time a call gets when its caller gives no deadline.
    """

    host: str = "127.0.0.1"
    port: int = 0
    reuse_port: bool = False
    threads: int = 8
    read_threads: int = 2
    admission: AdmissionValues = field(default_factory=AdmissionValues)
    retry_after_ms: tuple[int, int] = (100, 1_000)
    read_message_bytes_max: int = 262_144
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    stuck_threads_timeout_ms: float = 1_000.0
    future_event_tolerance_s: float = 60.0
    deadline_ms: float = 80.0
    reflection: bool = True
    tokens: WatchedFiles[TokenTable] | None = None
    tls: WatchedFiles[TlsContent] | None = None


@dataclass(frozen=True, slots=True)
class PublicUseCases:
    """What the public port serves."""

    recommend: RecommendUseCases
    events: EventUseCases
    catalog: CatalogUseCases
    profiles: ProfileUseCases


def build_server(
    use_cases: PublicUseCases,
    options: ServerOptions,
    admission: Admission | None = None,
    observer: CallObserver[Any] | None = None,
) -> RpcServer:
    """Returns the server of the public port, bound but not started. observer: is told of every call.

    admission: where other parts read it too; otherwise the server makes its own from the options.

    Raises OSError where the port cannot be bound.
    """
    time_rule = EventTimeRule(options.future_event_tolerance_s)
    builder = _Builder(options, "rpc", admission, observer)
    add_RecommendationServiceServicer_to_server(
        RecommendationServicer(use_cases.recommend, time_rule), builder.server
    )
    add_EventServiceServicer_to_server(EventServicer(use_cases.events, time_rule), builder.server)
    add_CatalogServiceServicer_to_server(CatalogServicer(use_cases.catalog, time_rule), builder.server)
    add_ProfileServiceServicer_to_server(ProfileServicer(use_cases.profiles), builder.server)
    return builder.finish(PUBLIC_SERVICES)


def build_admin_server(
    releases: ReleaseUseCases, options: ServerOptions, observer: CallObserver[Any] | None = None
) -> RpcServer:
    """Returns the server of the admin port, bound but not started. Raises OSError as build_server does."""
    builder = _Builder(options, "admin", observer=observer)
    add_ReleaseServiceServicer_to_server(ReleaseServicer(releases), builder.server)
    return builder.finish(ADMIN_SERVICES)


class _Builder:
    """A gRPC server with its threads and interceptors, waiting for servicers."""

    def __init__(
        self,
        options: ServerOptions,
        name: str,
        admission: Admission | None = None,
        observer: CallObserver[Any] | None = None,
    ) -> None:
        self._options = options
        patience_s = options.stuck_threads_timeout_ms / 1e3
        self._reads = Threads.of(options.read_threads, f"{name}-read", patience_s)
        self._others = Threads.of(options.threads, name, patience_s * _OTHERS_PATIENCE)
        self._gate = ServingGate()
        self._admission = admission or Admission(options.admission)
        self.server = grpc.server(
            self._others.pool,
            interceptors=self._interceptors(observer),
            options=channel_options(options),
            maximum_concurrent_rpcs=_CORE_REFUSES_AT * options.admission.gradient.limit_max,
        )

    def finish(self, service_names: Sequence[str]) -> RpcServer:
        """Adds health and reflection, binds the port and hands the server over."""
        health_servicer = PatientHealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health_servicer, self.server)
        if self._options.reflection:
            names = (*service_names, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self.server)
        port = self._bind()
        return RpcServer(
            self.server,
            port,
            (self._reads, self._others),
            self._gate,
            self._admission,
            health_servicer,
            service_names,
        )

    def _interceptors(self, observer: CallObserver[Any] | None) -> list[grpc.ServerInterceptor]:
        options = self._options
        refused = _tell_nobody if observer is None else partial(_tell_refusal, observer)
        # The first two decide on the receiving thread, and end calls there: nothing may stand in front of them.
        auth = [] if options.tokens is None else [AuthInterceptor(options.tokens.current, refused)]
        observed = [] if observer is None else [TelemetryInterceptor(observer)]
        return [
            *auth,
            AdmissionInterceptor(self._admission, self._reads, self._others, options.retry_after_ms, refused),
            *observed,
            ErrorInterceptor(),
            GateInterceptor(self._gate, options.retry_after_ms[0]),
            RequestInterceptor(
                options.read_message_bytes_max, options.connections.message_bytes_max, _DECODERS
            ),
            DeadlineInterceptor(options.deadline_ms),
        ]

    def _bind(self) -> int:
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        address = f"{host}:{self._options.port}"
        try:
            if self._options.tls is None:
                port = self.server.add_insecure_port(address)
            else:
                port = self.server.add_secure_port(address, server_credentials(self._options.tls))
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}") from error
        return port


def _tell_nobody(method: str, code: str) -> None:
    """Is told of refusals where nobody observes calls."""


def _tell_refusal(observer: CallObserver[Any], method: str, code: str) -> None:
    """Tells of a call that was refused before it began."""
    observer.end(observer.begin(method.removeprefix("/"), ()), code)


def channel_options(options: ServerOptions) -> tuple[tuple[str, int], ...]:
    """Returns gRPC core's options, for a server of one's own that is to be compared with this one."""
    return (
        *options.connections.channel_options(),
        ("grpc.so_reuseport", int(options.reuse_port)),
    )
