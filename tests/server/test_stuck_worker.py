"""A real worker whose threads hang in their handlers, beside a real parent."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest
from shortlist.v1 import recommendation_service_pb2 as pb

from server.control_block import ControlBlock
from server.supervisor import Supervisor, SupervisorOptions
from tests.support.rpc_client import RpcClient

REPOSITORY = Path(__file__).resolve().parents[2]
THREADS = 2
OPTIONS = SupervisorOptions(workers=1, heartbeat_timeout_ms=1_000, drain_timeout_s=1, poll_interval_s=0.05)


class Parent:
    """A supervisor that a test ticks, and what its workers wrote."""

    def __init__(self, directory: Path) -> None:
        self.control = ControlBlock.create(directory / "control", slots=2)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = (directory / "log").open("w+b")
        self.supervisor = Supervisor(OPTIONS, self.control, self._start)

    def _start(self, seat: int, slot: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.support.stuck_worker", str(self.control.path), str(slot)]
        process = subprocess.Popen(
            [*command, str(THREADS)], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=self.log
        )
        self.processes.append(process)
        return process

    def tick_until_started(self, workers: int, ticks: int = 600) -> None:
        pause = threading.Event()
        for _ in range(ticks):
            self.supervisor.tick()
            if len(self.processes) >= workers or pause.wait(OPTIONS.poll_interval_s):
                return
        raise AssertionError("the worker was never replaced")

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        self.log.close()
        self.control.close()


@pytest.fixture
def parent(tmp_path: Path) -> Parent:
    return Parent(tmp_path)


def test_worker_all_of_whose_threads_hang_is_killed_and_its_log_says_where(parent: Parent) -> None:
    try:
        parent.tick_until_started(1)
        stdout = parent.processes[0].stdout
        assert stdout is not None
        client = RpcClient(int(stdout.readline()))
        calls = [
            client.recommendations.Recommend.future(pb.RecommendRequest(user_id="u"), timeout=60)
            for _ in range(THREADS)
        ]
        parent.tick_until_started(2)
        assert parent.supervisor.kills == {"has every thread stuck": 1}
        assert {call.code() for call in calls} == {grpc.StatusCode.UNAVAILABLE}
        client.close()
        parent.log.seek(0)
        assert b"in recommend" in parent.log.read()
    finally:
        parent.close()
