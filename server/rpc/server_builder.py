"""Puts servicers, interceptors, health and reflection together into a server. Reads no Settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from shortlist.v1.catalog_service_pb2_grpc import add_CatalogServiceServicer_to_server
from shortlist.v1.event_service_pb2_grpc import add_EventServiceServicer_to_server
from shortlist.v1.profile_service_pb2_grpc import add_ProfileServiceServicer_to_server
from shortlist.v1.recommendation_service_pb2_grpc import add_RecommendationServiceServicer_to_server
from shortlist.v1.release_service_pb2_grpc import add_ReleaseServiceServicer_to_server

from server.rpc.counting_thread_pool import CountingThreadPool
from server.rpc.interceptors import (
    AdmissionInterceptor,
    DeadlineInterceptor,
    ErrorInterceptor,
    GateInterceptor,
    RequestInterceptor,
    ServingGate,
)
from server.rpc.rpc_server import RpcServer
from server.rpc.servicers.catalog_servicer import CatalogServicer
from server.rpc.servicers.event_servicer import EventServicer
from server.rpc.servicers.event_time_rule import EventTimeRule
from server.rpc.servicers.profile_servicer import ProfileServicer
from server.rpc.servicers.recommendation_servicer import RecommendationServicer
from server.rpc.servicers.release_servicer import ReleaseServicer
from server.rpc.telemetry_interceptor import CallObserver, TelemetryInterceptor
from server.rpc.use_cases import (
    CatalogUseCases,
    EventUseCases,
    ProfileUseCases,
    RecommendUseCases,
    ReleaseUseCases,
)

PUBLIC_SERVICES = (
    "shortlist.v1.RecommendationService",
    "shortlist.v1.EventService",
    "shortlist.v1.CatalogService",
    "shortlist.v1.ProfileService",
)
ADMIN_SERVICES = ("shortlist.v1.ReleaseService",)

_CORE_REFUSES_AT = 2
"""gRPC core refuses without details, but at twice the speed: the last line, behind admission's limit times this."""

_FIXED_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_concurrent_streams", 256),
    ("grpc.max_connection_age_grace_ms", 10_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.max_allowed_incoming_connections", 2_000),
    ("grpc.max_metadata_size", 4_096),
    ("grpc.absolute_max_metadata_size", 8_192),
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.server.max_pending_requests", 256),
)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where a server listens and what it takes. port 0 lets the system choose one.

    reuse_port: several processes may listen on the port, as workers do.
    concurrent_requests_max: calls that run or wait for one of the threads; above it calls are refused.
    deadline_ms: the time a call gets when its caller gives no deadline.
    """

    host: str = "127.0.0.1"
    port: int = 0
    reuse_port: bool = False
    threads: int = 8
    concurrent_requests_max: int = 64
    retry_after_ms: int = 100
    read_message_bytes_max: int = 262_144
    message_bytes_max: int = 4_194_304
    connection_age_max_s: int = 300
    future_event_tolerance_s: float = 60.0
    deadline_ms: float = 80.0
    reflection: bool = True


@dataclass(frozen=True, slots=True)
class PublicUseCases:
    """What the public port serves."""

    recommend: RecommendUseCases
    events: EventUseCases
    catalog: CatalogUseCases
    profiles: ProfileUseCases


def build_server(
    use_cases: PublicUseCases, options: ServerOptions, observer: CallObserver[Any] | None = None
) -> RpcServer:
    """Returns the server of the public port, bound but not started. observer: is told of every call.

    Raises OSError where the port cannot be bound.
    """
    time_rule = EventTimeRule(options.future_event_tolerance_s)
    builder = _Builder(options, "rpc", observer)
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
    builder = _Builder(options, "admin", observer)
    add_ReleaseServiceServicer_to_server(ReleaseServicer(releases), builder.server)
    return builder.finish(ADMIN_SERVICES)


class _Builder:
    """A gRPC server with its threads and interceptors, waiting for servicers."""

    def __init__(self, options: ServerOptions, name: str, observer: CallObserver[Any] | None) -> None:
        self._options = options
        self._pool = CountingThreadPool(options.threads, name)
        self._gate = ServingGate()
        self.server = grpc.server(
            self._pool,
            interceptors=[*_observed(observer), *_interceptors(options, self._pool, self._gate)],
            options=channel_options(options),
            maximum_concurrent_rpcs=_CORE_REFUSES_AT * options.concurrent_requests_max,
        )

    def finish(self, service_names: Sequence[str]) -> RpcServer:
        """Adds health and reflection, binds the port and hands the server over."""
        health_servicer = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health_servicer, self.server)
        if self._options.reflection:
            names = (*service_names, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self.server)
        port = self._bind()
        return RpcServer(self.server, port, self._pool, self._gate, health_servicer, service_names)

    def _bind(self) -> int:
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        address = f"{host}:{self._options.port}"
        try:
            port = self.server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}") from error
        return port


def _observed(observer: CallObserver[Any] | None) -> list[grpc.ServerInterceptor]:
    return [] if observer is None else [TelemetryInterceptor(observer)]


def _interceptors(
    options: ServerOptions, pool: CountingThreadPool, gate: ServingGate
) -> list[grpc.ServerInterceptor]:
    return [
        ErrorInterceptor(),
        GateInterceptor(gate, options.retry_after_ms),
        AdmissionInterceptor(pool, options.concurrent_requests_max, options.retry_after_ms),
        RequestInterceptor(options.read_message_bytes_max, options.message_bytes_max),
        DeadlineInterceptor(options.deadline_ms),
    ]


def channel_options(options: ServerOptions) -> tuple[tuple[str, int], ...]:
    """Returns gRPC core's options, for a server of one's own that is to be compared with this one."""
    return (
        *_FIXED_OPTIONS,
        ("grpc.so_reuseport", int(options.reuse_port)),
        ("grpc.max_receive_message_length", options.message_bytes_max),
        ("grpc.max_connection_age_ms", options.connection_age_max_s * 1_000),
    )
