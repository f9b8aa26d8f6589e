"""What the command line's client sends to a server that asks for tokens and speaks TLS."""

from __future__ import annotations

import hashlib
from pathlib import Path

import grpc
import pytest

from server.access.tls_files import TlsPaths, read_tls
from server.access.tokens import read_tokens
from server.access.watched_files import WatchedFiles
from server.cli.client import ShortlistClient, recommend_request
from server.rpc.server_builder import PublicUseCases, ServerOptions, build_server
from tests.support.certificates import Authority
from tests.support.recording_use_cases import RecordingUseCases


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain text", "TLS"])
def test_token_is_sent_with_every_call(tmp_path: Path, encrypted: bool) -> None:
    tokens = tmp_path / "tokens.toml"
    tokens.write_text(f'[[tokens]]\nsha256 = "{hashlib.sha256(b"t").hexdigest()}"\nroles = ["serve"]\n')
    authority = Authority(tmp_path) if encrypted else None
    pair = authority.issue() if authority else None
    paths = TlsPaths(pair.certificate, pair.key) if pair else None
    use_cases = RecordingUseCases()
    options = ServerOptions(
        threads=2,
        tokens=WatchedFiles([tokens], lambda: read_tokens(tokens)),
        tls=WatchedFiles(paths.all, lambda: read_tls(paths)) if paths else None,
    )
    server = build_server(PublicUseCases(use_cases, use_cases, use_cases, use_cases), options)
    server.start()
    server.open()
    root = authority.root if authority else None
    try:
        with ShortlistClient(f"127.0.0.1:{server.port}", authority=root, token="t") as client:
            assert client.recommend(recommend_request(user_id="u")).recommendation_id == "r1"
        with ShortlistClient(f"127.0.0.1:{server.port}", authority=root) as client:
            with pytest.raises(grpc.RpcError) as caught:
                client.recommend(recommend_request(user_id="u"))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    finally:
        server.drain(0)


def test_token_never_leaves_the_machine_in_plain_text() -> None:
    with pytest.raises(ValueError, match="over TLS only"):
        ShortlistClient("shop.example:50051", token="t")
