"""The real server as processes: drained, restarted, killed, while calls come in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import grpc
import pytest

from server.cli.client import ShortlistClient, recommend_request
from tests.support.server_process import REPOSITORY, ServerProcess, running_server
from tests.support.small_release import build_small_release


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that outlives what is done to its workers."""
    with started(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture
def mortal_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of the test's own, which the test ends."""
    with started(tmp_path) as made:
        yield made


def started(data_dir: Path) -> AbstractContextManager[ServerProcess]:
    build_small_release(data_dir / "releases", items=60, version="r1")
    return running_server(data_dir, SERVER__HEARTBEAT_TIMEOUT_MS=2_000)


class LightLoad:
    """Calls one after the other on a few connections, as a client that follows the published policy does."""

    def __init__(self, server: ServerProcess) -> None:
        self.clients = server.clients(4)
        self.failures: list[str] = []
        self.calls = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> LightLoad:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for client in self.clients:
            client.close()

    def await_calls(self, count: int) -> None:
        """Returns when so many more calls have been answered."""
        target = self.calls + count
        wait_until(lambda: self.calls >= target or not self._thread.is_alive())

    def _run(self) -> None:
        while not self._stop.is_set():
            for client in self.clients:
                # A balancer takes a server out when it says NOT_SERVING; so does this loop.
                if not client.is_serving():
                    return
                self._call(client)

    def _call(self, client: ShortlistClient) -> None:
        try:
            client.recommend(recommend_request(user_id="loop", num_items=5))
            self.calls += 1
        except grpc.RpcError as error:
            self.failures.append(f"{error.code()}: {error.details()}")


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(3_000):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("the condition never held")


def pids(server: ServerProcess) -> set[int]:
    return {worker.pid for worker in server.workers()}


def test_sigterm_drains_without_a_failed_call_and_ends_with_zero(mortal_server: ServerProcess) -> None:
    with LightLoad(mortal_server) as load:
        load.await_calls(50)
        assert mortal_server.stop() == 0
    assert load.failures == []


def test_killed_worker_is_replaced_while_calls_go_on(server: ServerProcess) -> None:
    before = pids(server)
    with LightLoad(server) as load:
        load.await_calls(20)
        os.kill(min(before), signal.SIGKILL)
        wait_until(lambda: len(pids(server) - before) == 1)
        load.await_calls(20)
    assert load.failures == []


def test_worker_that_hangs_is_killed_and_replaced(server: ServerProcess) -> None:
    before = pids(server)
    os.kill(min(before), signal.SIGSTOP)
    wait_until(lambda: len(pids(server) - before) == 1)
    assert min(before) not in pids(server)


def test_sighup_replaces_every_worker_without_a_failed_call(server: ServerProcess) -> None:
    before = pids(server)
    with LightLoad(server) as load:
        load.await_calls(20)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not pids(server) & before)
    assert load.failures == []


def test_restart_command_replaces_every_worker_and_waits_for_it(server: ServerProcess) -> None:
    before = pids(server)
    command = [sys.executable, "-m", "server", "restart", "--data-dir", str(server.data_dir)]
    with LightLoad(server) as load:
        load.await_calls(20)
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        load.await_calls(20)
    assert done.stdout == "2 workers are new\n", done.stderr
    assert not pids(server) & before
    assert load.failures == []


def test_second_server_on_the_same_directory_is_refused(server: ServerProcess) -> None:
    with pytest.raises(AssertionError, match="DATA_DIR_IN_USE"), running_server(server.data_dir):
        pass


def test_workers_end_when_their_parent_is_killed(mortal_server: ServerProcess) -> None:
    workers = pids(mortal_server)
    mortal_server.process.kill()
    mortal_server.process.wait()

    def gone(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"

    wait_until(lambda: all(gone(pid) for pid in workers))
