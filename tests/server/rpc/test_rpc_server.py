from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from shortlist.v1 import recommendation_service_pb2 as pb

from server.rpc.rpc_server import RpcServer
from server.rpc.server_builder import (
    ADMIN_SERVICES,
    PUBLIC_SERVICES,
    PublicUseCases,
    ServerOptions,
    build_admin_server,
    build_server,
)
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of

OPTIONS = ServerOptions(threads=2)
REQUEST = pb.RecommendRequest(user_id="u")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@contextmanager
def started(
    use_cases: RecordingUseCases | None = None, options: ServerOptions = OPTIONS, admin: bool = False
) -> Iterator[tuple[RpcServer, RpcClient]]:
    recording = use_cases or RecordingUseCases()
    if admin:
        server = build_admin_server(recording, options)
    else:
        server = build_server(PublicUseCases(recording, recording, recording, recording), options)
    server.start()
    client = RpcClient(server.port)
    try:
        yield server, client
    finally:
        client.close()
        server.drain(0)


def health_of(client: RpcClient, service: str) -> health_pb2.HealthCheckResponse.ServingStatus.ValueType:
    stub = health_pb2_grpc.HealthStub(client.channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service)).status


@pytest.mark.parametrize("admin", [False, True], ids=["public", "admin"])
def test_every_service_is_healthy_from_open_on(admin: bool) -> None:
    names = ("", *(ADMIN_SERVICES if admin else PUBLIC_SERVICES))
    with started(admin=admin) as (server, client):
        assert {health_of(client, name) for name in names} == {NOT_SERVING}
        server.open()
        assert {health_of(client, name) for name in names} == {SERVING}
        server.close()
        assert {health_of(client, name) for name in names} == {NOT_SERVING}


def test_degraded_answers_show_in_a_name_of_their_own_and_the_service_goes_on() -> None:
    service = PUBLIC_SERVICES[0]
    with started() as (server, client):
        server.open()
        assert health_of(client, f"{service}/degraded") == SERVING
        server.set_degraded(service, True)
        assert health_of(client, f"{service}/degraded") == NOT_SERVING
        assert {health_of(client, name) for name in ("", service)} == {SERVING}
        server.set_degraded(service, False)
        assert health_of(client, f"{service}/degraded") == SERVING


def test_who_watches_is_told_of_a_drain_and_of_unknown_services() -> None:
    with started() as (server, client):
        server.open()
        stub = health_pb2_grpc.HealthStub(client.channel)
        watched = stub.Watch(health_pb2.HealthCheckRequest(service=PUBLIC_SERVICES[0]), timeout=20)
        assert next(watched).status == SERVING
        server.announce_drain()
        assert next(watched).status == NOT_SERVING
        watched.cancel()
        unknown = stub.Watch(health_pb2.HealthCheckRequest(service="shortlist.v1.Nothing"), timeout=20)
        assert next(unknown).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        unknown.cancel()


def test_a_watch_that_ends_does_not_wait_on_the_thread_that_serves_all() -> None:
    with started() as (server, client):
        server.open()
        watched = health_pb2_grpc.HealthStub(client.channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=60
        )
        assert next(watched).status == SERVING
        # Held as it is by whoever sends another watch its status, and waits for that thread.
        with server._health._lock:
            watched.cancel()
            for _ in range(20):
                assert client.recommendations.Recommend(REQUEST, timeout=20).recommendation_id == "r1"


def test_an_announced_drain_says_not_serving_and_goes_on_answering() -> None:
    with started() as (server, client):
        server.open()
        server.announce_drain()
        assert health_of(client, "") == NOT_SERVING
        assert client.recommendations.Recommend(REQUEST).recommendation_id == "r1"


def test_the_health_of_an_unknown_service_is_not_found() -> None:
    with started() as (_, client), pytest.raises(grpc.RpcError) as caught:
        health_of(client, "shortlist.v1.Nothing")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_calls_are_not_ready_until_open() -> None:
    with started() as (server, client):
        refusal = refusal_of(client.recommendations.Recommend, REQUEST)
        assert (refusal.code, refusal.info.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_READY")
        server.open()
        assert client.recommendations.Recommend(REQUEST).recommendation_id == "r1"


def services_listed(client: RpcClient) -> set[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    (answer,) = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    return {service.name for service in answer.list_services_response.service}


def test_reflection_lists_what_is_served() -> None:
    with started() as (_, client):
        assert services_listed(client) == {
            *PUBLIC_SERVICES,
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }


def test_reflection_can_be_switched_off() -> None:
    with started(options=replace(OPTIONS, reflection=False)) as (_, client):
        with pytest.raises(grpc.RpcError) as caught:
            services_listed(client)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_running_call_is_answered_while_the_server_drains() -> None:
    entered, release = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert release.wait(10)

    with started(RecordingUseCases(before=wait)) as (server, client):
        server.open()
        running = client.recommendations.Recommend.future(REQUEST, timeout=10)
        assert entered.wait(10)
        drained: list[bool] = []
        drain = threading.Thread(target=lambda: drained.append(server.drain(10)), daemon=True)
        drain.start()
        release.set()
        assert running.result().recommendation_id == "r1"
        drain.join(10)
        assert drained == [True]


def test_a_port_that_is_taken_is_an_error() -> None:
    recording = RecordingUseCases()
    with started() as (server, _):
        options = replace(OPTIONS, port=server.port)
        with pytest.raises(OSError, match="cannot listen"):
            build_admin_server(recording, options)


def test_workers_share_a_port() -> None:
    shared = replace(OPTIONS, reuse_port=True)
    with (
        started(options=shared) as (first, _),
        started(options=replace(shared, port=first.port)) as (
            second,
            _,
        ),
    ):
        assert first.port == second.port
