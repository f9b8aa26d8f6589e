"""Tokens and roles over real connections: what is refused reaches nothing behind the interceptor."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from shortlist.v1 import (
    catalog_service_pb2,
    event_service_pb2,
    profile_service_pb2,
    recommendation_service_pb2,
    release_service_pb2,
)

from server.access.tokens import read_tokens
from server.access.watched_files import WatchedFiles
from server.rpc.server_builder import PublicUseCases, ServerOptions, build_admin_server, build_server
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of

SERVICES = {
    service.full_name: service
    for module in (
        recommendation_service_pb2,
        event_service_pb2,
        catalog_service_pb2,
        profile_service_pb2,
        release_service_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
}
METHODS = [f"/{name}/{method.name}" for name, service in SERVICES.items() for method in service.methods]
WRITES = ("EventService", "CatalogService", "ProfileService")
TOKENS = {"serve": "serve-token", "write": "write-token", "admin": "admin-token"}
UNKNOWN = "/shortlist.v1.RecommendationService/Predict"


@dataclass
class Guarded:
    """The public and the admin server behind tokens, and what their handlers were asked."""

    public: RpcClient
    admin: RpcClient
    use_cases: RecordingUseCases

    def call(self, method: str, token: str | None) -> tuple[grpc.StatusCode, str]:
        """Makes a call with an empty message; returns its code and ErrorInfo's reason."""
        client = self.admin if "ReleaseService" in method else self.public
        made: Any = client.channel.unary_unary(method)
        metadata = [("authorization", f"Bearer {token}")] if token is not None else []
        try:
            made(b"", timeout=5, metadata=metadata)
        except grpc.RpcError:
            refusal = refusal_of(made, b"", timeout=5, metadata=metadata)
            return refusal.code, refusal.info.reason if refusal.status.details else ""
        return grpc.StatusCode.OK, ""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    path = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    lines = [
        f'[[tokens]]\nsha256 = "{hashlib.sha256(token.encode()).hexdigest()}"\nroles = ["{role}"]\n'
        for role, token in TOKENS.items()
    ]
    expired = hashlib.sha256(b"old-token").hexdigest()
    lines.append(f'[[tokens]]\nsha256 = "{expired}"\nroles = ["admin"]\nexpires = 2020-01-01T00:00:00Z\n')
    path.write_text("".join(lines))
    tokens = WatchedFiles([path], lambda: read_tokens(path))
    use_cases = RecordingUseCases()
    options = ServerOptions(threads=2, tokens=tokens)
    servers = [
        build_server(PublicUseCases(use_cases, use_cases, use_cases, use_cases), options),
        build_admin_server(use_cases, options),
    ]
    for server in servers:
        server.start()
        server.open()
    clients = [RpcClient(server.port) for server in servers]
    yield Guarded(clients[0], clients[1], use_cases)
    for client in clients:
        client.close()
    for server in servers:
        server.drain(0)


@pytest.fixture(autouse=True)
def nothing_asked(guarded: Guarded) -> None:
    guarded.use_cases.calls.clear()


def needed_role(method: str) -> str:
    if "ReleaseService" in method:
        return "admin"
    return "write" if any(service in method for service in WRITES) else "serve"


@pytest.mark.parametrize("method", METHODS)
def test_each_method_takes_its_role_and_admin_only(guarded: Guarded, method: str) -> None:
    passed = set()
    for role, token in TOKENS.items():
        code, reason = guarded.call(method, token)
        if code is grpc.StatusCode.PERMISSION_DENIED:
            assert reason == "ROLE_MISSING"
        else:
            passed.add(role)
    assert passed == {needed_role(method), "admin"}


@pytest.mark.parametrize("method", [*METHODS, UNKNOWN])
@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, "TOKEN_MISSING"),
        ("", "TOKEN_MISSING"),
        ("forged", "TOKEN_INVALID"),
        ("serve-token ", "TOKEN_INVALID"),
        ("old-token", "TOKEN_EXPIRED"),
    ],
)
def test_without_a_valid_token_nothing_is_reached(
    guarded: Guarded, method: str, token: str | None, reason: str
) -> None:
    assert guarded.call(method, token) == (grpc.StatusCode.UNAUTHENTICATED, reason)
    assert guarded.use_cases.calls == []


def test_a_refusal_for_want_of_a_role_reaches_nothing(guarded: Guarded) -> None:
    assert guarded.call("/shortlist.v1.ProfileService/GetProfile", "serve-token")[1] == "ROLE_MISSING"
    assert guarded.call("/shortlist.v1.ReleaseService/RollBack", "write-token")[1] == "ROLE_MISSING"
    assert guarded.use_cases.calls == []


def test_an_unknown_method_is_told_apart_only_to_those_who_may_ask(guarded: Guarded) -> None:
    assert guarded.call(UNKNOWN, "serve-token")[0] is grpc.StatusCode.UNIMPLEMENTED
    assert guarded.call("/shortlist.v1.Other/Call", "serve-token")[0] is grpc.StatusCode.PERMISSION_DENIED


def reflected(client: RpcClient, token: str | None) -> grpc.StatusCode:
    metadata = [("authorization", f"Bearer {token}")] if token else []
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    try:
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        list(stub.ServerReflectionInfo(asked, timeout=5, metadata=metadata))
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


def test_reflection_is_for_admins(guarded: Guarded) -> None:
    for client in (guarded.public, guarded.admin):
        assert reflected(client, None) is grpc.StatusCode.UNAUTHENTICATED
        assert reflected(client, "write-token") is grpc.StatusCode.PERMISSION_DENIED
        assert reflected(client, "admin-token") is grpc.StatusCode.OK


def test_health_is_open_to_balancers(guarded: Guarded) -> None:
    for client in (guarded.public, guarded.admin):
        stub = health_pb2_grpc.HealthStub(client.channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(service=""), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
