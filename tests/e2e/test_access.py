"""T17 on the real server: tokens from the settings, read again when the file changes; nothing is stored for a refused call."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from shortlist.v1 import release_service_pb2, release_service_pb2_grpc

from server.cli.client import ShortlistClient, recommend_request, user_event
from server.features.event_types import EventType
from tests.support.certificates import Authority
from tests.support.server_process import REPOSITORY, ServerProcess, running_server
from tests.support.small_release import build_small_release


def entry(token: str, *roles: str) -> str:
    return f'[[tokens]]\nsha256 = "{hashlib.sha256(token.encode()).hexdigest()}"\nroles = {list(roles)}\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("access")
    pair = Authority(made).issue()
    (made / "live.pem").write_bytes(pair.certificate.read_bytes())
    (made / "live.key").write_bytes(pair.key.read_bytes())
    (made / "tokens.toml").write_text(entry("web", "serve", "write") + entry("boss", "admin"))
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    build_small_release(folder / "data" / "releases", items=60, version="r1")
    settings = {
        "SECURITY__TLS_CERTIFICATE_FILE": folder / "live.pem",
        "SECURITY__TLS_KEY_FILE": folder / "live.key",
        "SECURITY__TOKENS_FILE": folder / "tokens.toml",
        "BUDGET__DEADLINE_MS": 10_000,
    }
    with running_server(folder / "data", workers=1, **settings) as made:
        yield made


def client(server: ServerProcess, folder: Path, token: str) -> ShortlistClient:
    root = (folder / "authority.pem").read_bytes()
    return ShortlistClient(server.address, timeout_s=20, authority=root, token=token)


def code_of(server: ServerProcess, folder: Path, token: str) -> str:
    with client(server, folder, token) as made:
        try:
            made.recommend(recommend_request(user_id="u"))
        except grpc.RpcError as error:
            name: str = error.code().name
            return name
    return "OK"


def test_who_has_a_token_is_answered_over_tls_and_others_are_not(server: ServerProcess, folder: Path) -> None:
    codes = {token: code_of(server, folder, token) for token in ("web", "boss", "forged", "")}
    assert codes == {"web": "OK", "boss": "OK", "forged": "UNAUTHENTICATED", "": "UNAUTHENTICATED"}


def test_events_of_a_refused_call_are_not_stored(server: ServerProcess, folder: Path) -> None:
    event = user_event("refused-1", "item-0001", EventType.CLICK, user_id="u")
    with client(server, folder, "forged") as forged, pytest.raises(grpc.RpcError):
        forged.write_events([event])
    with client(server, folder, "web") as web:
        reply = web.write_events([event])
    # Had the first call reached the store, the event's id would be known there.
    assert (reply.stored_count, reply.duplicate_count) == (1, 0)


def test_release_calls_need_the_admins_token_on_loopback_too(server: ServerProcess) -> None:
    with grpc.insecure_channel(server.admin_address) as channel:
        stub = release_service_pb2_grpc.ReleaseServiceStub(channel)
        for token, code in (("web", "PERMISSION_DENIED"), ("", "UNAUTHENTICATED")):
            metadata = [("authorization", f"Bearer {token}")] if token else []
            with pytest.raises(grpc.RpcError) as caught:
                stub.ListReleases(release_service_pb2.ListReleasesRequest(), timeout=20, metadata=metadata)
            assert caught.value.code().name == code
        metadata = [("authorization", "Bearer boss")]
        reply = stub.ListReleases(release_service_pb2.ListReleasesRequest(), timeout=20, metadata=metadata)
        assert [release.version for release in reply.releases] == ["r1"]


def test_a_new_token_is_known_and_a_deleted_one_is_not_without_a_restart(
    server: ServerProcess, folder: Path
) -> None:
    path, pause = folder / "tokens.toml", threading.Event()
    before = path.read_text()
    path.write_text(entry("new", "serve"))
    try:
        for _ in range(200):
            if code_of(server, folder, "new") == "OK" or pause.wait(0.05):
                break
        assert code_of(server, folder, "new") == "OK"
        assert code_of(server, folder, "web") == "UNAUTHENTICATED"
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"SHORTLIST_SERVER__ADMIN_HOST": "0.0.0.0"}, "set security.tokens_file"),
        ({"SHORTLIST_SECURITY__TOKENS_FILE": "missing.toml"}, "missing.toml"),
    ],
)
def test_a_server_that_would_be_open_or_shut_by_mistake_does_not_start(
    tmp_path: Path, setting: dict[str, str], told: str
) -> None:

    build_small_release(tmp_path / "releases", items=12, version="r1")
    command = [
        sys.executable,
        "-m",
        "server",
        "serve",
        "--port=0",
        "--admin-port=0",
        "--data-dir",
        str(tmp_path),
    ]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **setting},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode not in (0, None)
    assert told in done.stdout + done.stderr
