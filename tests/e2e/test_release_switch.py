"""Releases are switched and switched back under load."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from shortlist.v1 import release_service_pb2, release_service_pb2_grpc

from server.cli.client import ShortlistClient, recommend_request
from tests.e2e.conftest import Shop
from tests.support.server_process import REPOSITORY
from tests.support.small_release import build_small_release


@pytest.fixture
def admin(shop: Shop) -> Iterator[release_service_pb2_grpc.ReleaseServiceStub]:
    with grpc.insecure_channel(shop.server.admin_address) as channel:
        yield release_service_pb2_grpc.ReleaseServiceStub(channel)


@contextmanager
def load(clients: list[ShortlistClient]) -> Iterator[list[str]]:
    """Calls from two threads until the block ends; yields the list of what went wrong."""
    stop, wrong = threading.Event(), list[str]()

    def call(share: list[ShortlistClient]) -> None:
        while not stop.is_set():
            for client in share:
                try:
                    reply = client.recommend(recommend_request(user_id="loaded", num_items=5))
                    if len(reply.items) != 5:
                        wrong.append(f"{len(reply.items)} items")
                except grpc.RpcError as error:
                    wrong.append(str(error))

    threads = [threading.Thread(target=call, args=(clients[start::2],), daemon=True) for start in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def served(shop: Shop) -> set[str]:
    return {client.recommend(recommend_request(user_id="anyone")).release_version for client in shop.clients}


def test_every_worker_serves_the_release_when_the_call_returns_and_no_call_fails(
    shop: Shop, admin: release_service_pb2_grpc.ReleaseServiceStub
) -> None:
    with load(shop.clients[:4]) as wrong:
        for version in ("r2", "r1", "r2"):
            reply = admin.ActivateRelease(
                release_service_pb2.ActivateReleaseRequest(version=version), timeout=60
            )
            assert [worker.release_version for worker in reply.workers] == [version] * 2
            assert served(shop) == {version}
        admin.RollBack(release_service_pb2.RollBackRequest(), timeout=60)
        assert served(shop) == {"r1"}
    assert wrong == []


def test_broken_release_is_refused_with_its_reason_and_the_old_one_serves_on(
    shop: Shop, admin: release_service_pb2_grpc.ReleaseServiceStub
) -> None:

    releases_dir = shop.server.data_dir / "releases"
    broken = build_small_release(releases_dir, items=30, version="broken", activate=False).path
    price = broken / "items" / "price.npy"
    price.chmod(0o644)
    price.write_bytes(price.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(grpc.RpcError) as caught:
        admin.ActivateRelease(release_service_pb2.ActivateReleaseRequest(version="broken"), timeout=60)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert served(shop) == {"r1"}


def test_status_names_every_worker(shop: Shop, admin: release_service_pb2_grpc.ReleaseServiceStub) -> None:
    status = admin.GetServingStatus(release_service_pb2.GetServingStatusRequest(), timeout=10)
    assert sorted(worker.pid for worker in status.workers) == sorted(
        worker.pid for worker in shop.server.workers()
    )
    assert {worker.release_version for worker in status.workers} == {status.release_version}


def test_rollback_at_the_command_line_waits_until_every_worker_serves_it(shop: Shop) -> None:
    for version in ("r2", "r1"):
        command = [
            sys.executable,
            "-m",
            "server",
            "rollback",
            version,
            "--data-dir",
            str(shop.server.data_dir),
        ]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.stdout.splitlines() == [f"{version} is the current release", "2 workers serve it"], (
            done.stderr
        )
        assert served(shop) == {version}
