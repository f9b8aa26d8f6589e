"""The real Triton on a free loopback port, over a model repository of a test's own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from server.circuit_breaker import BreakerValues, CircuitBreaker
from server.inference.triton_channel import TritonChannel
from server.inference.triton_models import TritonModels
from server.inference.triton_scorer import TritonLimits, TritonScorer
from server.releases.mapped_release import MappedRelease
from server.releases.model_repository import publish_models
from server.releases.verify import read_manifest
from tests.support.freezing import freeze

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATES = REPOSITORY / "model_repo"
_QUEUE_TIMEOUT = "default_timeout_microseconds: 25000"
_START_TIMEOUT_S = 60.0
_PATIENCE_S = 30.0
_ENDED_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()
"""A run of tests that is killed must not leave servers behind."""
_STOP_TIMEOUT_S = 20.0


class TritonServer:
    """One process. start() and kill() may be called again; the port stays."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.port = free_port()
        self.log = repository.parent / "triton.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Returns host:port of its gRPC service."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Returns the address as the settings have it."""
        return f"triton://{self.address}"

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        run, home = _runner()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_ENDED_WITH_US, *run.command(home, self.repository, self.port, 0)],
                env=run.environment(home),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up_s = time.monotonic() + _START_TIMEOUT_S
        while not self.is_live():
            assert self._process.poll() is None, self.log.read_text("utf-8", "replace")[-2_000:]
            assert time.monotonic() < give_up_s, "Triton did not start"
            time.sleep(0.05)

    def is_live(self) -> bool:
        """Returns whether it answers."""
        with grpc.insecure_channel(self.address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            try:
                return bool(stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=1).live)
            except grpc.RpcError:
                return False

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the server itself; its model processes wait for it."""
        assert self._process is not None
        if number is signal.SIGSTOP:
            freeze(self._process.pid)
        else:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Ends it at once, with its model processes, which would outlive it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends it in good order where it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_TIMEOUT_S)
        # The group is this server's own: what is left of it are its model processes.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_STOP_TIMEOUT_S)
        for left in Path("/dev/shm").glob(f"{_runner()[0].shared_memory_prefix(self.port)}*"):
            left.unlink()


PATIENT = TritonLimits(timeout_s=20.0)
"""These tests are about what comes back, on machines of any speed."""


class TritonClient:
    """All that a worker holds of a model server."""

    def __init__(self, triton: TritonServer | str, limits: TritonLimits = PATIENT) -> None:
        """triton: a server, or host:port of one that has no repository to load from."""
        address = triton if isinstance(triton, str) else triton.address
        repository = Path() if isinstance(triton, str) else triton.repository
        self.channel = TritonChannel(address, limits.message_bytes_max, control_timeout_s=_PATIENCE_S)
        self.scorer = TritonScorer(self.channel, limits, CircuitBreaker(BreakerValues()))
        self.models = TritonModels(
            self.channel, self.scorer, repository, load_timeout_s=60.0, probe_timeout_s=_PATIENCE_S
        )


@contextlib.contextmanager
def triton_server(directory: Path) -> Iterator[TritonServer]:
    """A running server over an empty model repository in the directory. Skips where Triton cannot be had."""
    _runner()
    repository = directory / "model_repo"
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copytree(TEMPLATES, repository)
    for config in repository.glob("*/config.pbtxt"):
        # A request's own timeout can only shorten the queue's, and a busy machine may take longer than 25 ms to wake up.
        text = config.read_text("utf-8")
        assert _QUEUE_TIMEOUT in text
        config.write_text(text.replace(_QUEUE_TIMEOUT, f"{_QUEUE_TIMEOUT}000"), "utf-8")
    server = TritonServer(repository)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def publish(release: MappedRelease, repository: Path) -> int:
    """Puts a release's models into a repository and returns their number."""
    return publish_models(release.path, read_manifest(release.path), TEMPLATES, repository)


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@cache
def _runner() -> tuple[ModuleType, Path]:
    """Returns deploy/triton/run.py and the installation; skips the test with the reason where there can be none."""
    spec = importlib.util.spec_from_file_location("triton_run", REPOSITORY / "deploy" / "triton" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    try:
        return run, run.installed()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"Triton cannot be installed here: {error}")
