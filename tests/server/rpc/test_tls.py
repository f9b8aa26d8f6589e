"""TLS over real connections: certificates of clients, and of a server that are replaced while it serves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from server.access import watched_files
from server.access.tls_files import TlsPaths, read_tls
from server.access.watched_files import WatchedFiles
from server.rpc.server_builder import PublicUseCases, ServerOptions, build_server
from tests.support.certificates import Authority, Pair
from tests.support.recording_use_cases import RecordingUseCases

REQUEST = pb.RecommendRequest(user_id="u")


@dataclass
class TlsServer:
    """A server with the certificate in `paths`, signed by `authority`, for clients of `clients`."""

    port: int
    paths: TlsPaths
    authority: Authority
    clients: Authority | None

    def install(self, pair: Pair) -> None:
        """Replaces the server's files, as a rotation does."""
        shutil.copy(pair.key, self.paths.key)
        shutil.copy(pair.certificate, self.paths.certificate)

    def call(self, root: bytes | None = None, own: Pair | None = None) -> str:
        """Makes one call over a connection of its own; returns the answer's id, or the code's name."""
        key, chain = own.read() if own is not None else (None, None)
        credentials = grpc.ssl_channel_credentials(root or self.authority.root, key, chain)
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.secure_channel(f"localhost:{self.port}", credentials, options=options) as channel:
            try:
                return RecommendationServiceStub(channel).Recommend(REQUEST, timeout=5).recommendation_id
            except grpc.RpcError as error:
                return error.code().name


def served(directory: Path, *, mutual: bool) -> Iterator[TlsServer]:
    authority = Authority(directory)
    clients = Authority(directory, "clients") if mutual else None
    pair = authority.issue()
    paths = TlsPaths(
        directory / "live.pem", directory / "live.key", clients.pair.certificate if clients else None
    )
    shutil.copy(pair.certificate, paths.certificate)
    shutil.copy(pair.key, paths.key)
    use_cases = RecordingUseCases()
    files = WatchedFiles(paths.all, lambda: read_tls(paths))
    server = build_server(
        PublicUseCases(use_cases, use_cases, use_cases, use_cases), ServerOptions(threads=2, tls=files)
    )
    server.start()
    server.open()
    try:
        yield TlsServer(server.port, paths, authority, clients)
    finally:
        server.drain(0)


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsServer]:
    monkeypatch.setattr(watched_files, "LOOK_INTERVAL_S", 0.0)
    yield from served(tmp_path, mutual=False)


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    yield from served(tmp_path_factory.mktemp("mutual"), mutual=True)


def test_clients_that_know_the_authority_are_answered_and_others_turn_away(
    plain: TlsServer, tmp_path: Path
) -> None:
    assert plain.call() == "r1"
    assert plain.call(root=Authority(tmp_path, "other").root) == "UNAVAILABLE"


def test_plain_text_is_not_understood(plain: TlsServer) -> None:
    with grpc.insecure_channel(f"localhost:{plain.port}") as channel, pytest.raises(grpc.RpcError) as caught:
        RecommendationServiceStub(channel).Recommend(REQUEST, timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_new_connections_get_the_new_certificate(plain: TlsServer, tmp_path: Path) -> None:
    next_authority = Authority(tmp_path, "next")
    plain.install(next_authority.issue())
    assert plain.call(root=next_authority.root) == "r1"
    assert plain.call() == "UNAVAILABLE"


def test_a_broken_new_certificate_keeps_the_old_one(plain: TlsServer) -> None:
    whole = plain.paths.certificate.read_bytes()
    for broken in (b"", whole[: len(whole) // 2], plain.authority.issue().certificate.read_bytes()):
        plain.paths.certificate.write_bytes(broken)
        assert plain.call() == "r1"
    plain.install(plain.authority.issue())
    assert plain.call() == "r1"


def test_clients_show_a_certificate_of_their_authority(mutual: TlsServer) -> None:
    assert mutual.clients is not None
    assert mutual.call(own=mutual.clients.issue("shop")) == "r1"


@pytest.mark.parametrize("kind", ["none", "another authority's", "expired"])
def test_clients_without_a_good_certificate_are_refused(mutual: TlsServer, kind: str) -> None:
    assert mutual.clients is not None
    own = {
        "none": lambda: None,
        "another authority's": lambda: mutual.authority.issue("shop"),
        "expired": lambda: mutual.clients.issue("shop", days=-1) if mutual.clients else None,
    }[kind]()
    assert mutual.call(own=own) == "UNAVAILABLE"
