"""T49: somebody writes into a release that is mapped. Workers may die of it; the server goes on with what is whole."""

from __future__ import annotations

import os
from pathlib import Path

import grpc
from shortlist.v1 import recommendation_service_pb2 as pb

from server.cli.client import recommend_request
from server.control_block import WorkerState
from server.releases.verify import read_manifest
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import build_small_release
from tests.support.waiting import wait_until


def truncate_all(release: Path) -> None:
    """Empties every file of a release, as no publisher can: its files are read-only."""
    for name in read_manifest(release).files:
        path = release / name
        path.chmod(0o644)
        os.truncate(path, 0)


def answers(server: ServerProcess) -> list[pb.RecommendResponse]:
    """Returns what those of several connections answer that do not end in the middle of a call."""
    found = []
    for number, client in enumerate(server.clients(8)):
        with client:
            try:
                request = recommend_request(
                    user_id="anyone", num_items=5, context_item_ids=[f"item-{number:04d}"]
                )
                found.append(client.recommend(request))
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
    return found


def test_workers_that_die_of_a_damaged_mapping_come_back_with_the_release_before(tmp_path: Path) -> None:
    build_small_release(tmp_path / "releases", items=300, categories=4, version="r1")
    damaged = build_small_release(tmp_path / "releases", items=300, categories=4, version="r2", parent="r1")
    with running_server(tmp_path, BUDGET__DEADLINE_MS=10_000) as server:
        assert {reply.release_version for reply in answers(server)} == {"r2"}
        before = {worker.pid for worker in server.workers()}
        truncate_all(damaged.path)

        def mended() -> bool:
            replies = answers(server)
            serving = [worker for worker in server.workers() if worker.state is WorkerState.SERVING]
            return (
                len(replies) == 8
                and len(serving) == 2
                and all(reply.release_version == "r1" for reply in replies)
                and not before & {worker.pid for worker in serving}
            )

        wait_until(mended)
        assert all(len(reply.items) == 5 for reply in answers(server))
        assert server.process.poll() is None
        told = [line for line in server.output if "release r2 is refused" in line]
        assert told
        assert all("r1 serves on" in line for line in told)
        assert server.stop() == 0
