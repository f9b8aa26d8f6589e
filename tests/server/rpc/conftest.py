from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.rpc.rpc_server import RpcServer
from server.rpc.server_builder import PublicUseCases, ServerOptions, build_admin_server, build_server
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient

OPTIONS = ServerOptions(threads=4)


def public(use_cases: RecordingUseCases) -> PublicUseCases:
    return PublicUseCases(use_cases, use_cases, use_cases, use_cases)


@pytest.fixture(scope="session")
def shared_use_cases() -> RecordingUseCases:
    return RecordingUseCases()


@pytest.fixture(scope="session")
def shared_client(shared_use_cases: RecordingUseCases) -> Iterator[RpcClient]:
    server = build_server(public(shared_use_cases), OPTIONS)
    yield from _serving(server)


@pytest.fixture(scope="session")
def shared_admin_client(shared_use_cases: RecordingUseCases) -> Iterator[RpcClient]:
    server = build_admin_server(shared_use_cases, OPTIONS)
    yield from _serving(server)


@pytest.fixture
def use_cases(shared_use_cases: RecordingUseCases) -> RecordingUseCases:
    """The handlers behind `client` and `admin_client`, as new."""
    shared_use_cases.__init__()  # type: ignore[misc]  # the server keeps this object, so it is made new in place
    return shared_use_cases


@pytest.fixture
def client(shared_client: RpcClient, use_cases: RecordingUseCases) -> RpcClient:
    """A client of one server for all tests; what it calls is in `use_cases`."""
    return shared_client


@pytest.fixture
def admin_client(shared_admin_client: RpcClient, use_cases: RecordingUseCases) -> RpcClient:
    return shared_admin_client


def _serving(server: RpcServer) -> Iterator[RpcClient]:
    server.start()
    server.open()
    client = RpcClient(server.port)
    yield client
    client.close()
    server.drain(0)
