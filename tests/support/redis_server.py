"""Real Redis servers for tests, on free ports of 127.0.0.1: one, or a cluster of six."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis

from tests.support.freezing import freeze

START_S = 20.0
NOT_INSTALLED = "redis-server is not on PATH and could not be installed; tools/install_redis.sh says more"


def redis_binary() -> str:
    """Returns the server's path; skips the test where there is none."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip(NOT_INSTALLED)
    return found


def free_ports(count: int) -> list[int]:
    """Returns ports of 127.0.0.1 that nobody listens on, low enough for a cluster's bus port at +10000."""
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            probe = socket.socket()
            held.append(probe)
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port < 55_000:
                ports.append(port)
    finally:
        for probe in held:
            probe.close()
    return ports


class RedisServer:
    """One redis-server process, with debug commands, no file but its log."""

    def __init__(self, directory: Path, port: int, *options: str) -> None:
        self.directory = directory
        self.port = port
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """Returns the URL for [store] url."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Returns the process's id."""
        assert self._process is not None
        return self._process.pid

    def client(self) -> redis.Redis:
        """Returns an ordinary client, for what a test looks at or sets."""
        return redis.Redis(port=self.port, socket_timeout=5.0)

    def start(self) -> RedisServer:
        """Starts the process and waits until it answers."""
        command = [
            redis_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.directory),
            "--enable-debug-command", "local", "--logfile", str(self.directory / "redis.log"), *self._options,
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ends_s = time.monotonic() + START_S
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return self
            except (redis.ConnectionError, redis.TimeoutError):
                if time.monotonic() > ends_s or self._process.poll() is not None:
                    log = (self.directory / "redis.log").read_text(errors="replace")[-2_000:]
                    raise RuntimeError(f"redis-server does not answer: {log}") from None
                time.sleep(0.02)

    @property
    def runs(self) -> bool:
        """Returns whether there is a process."""
        return self._process is not None

    def is_master(self) -> bool:
        """Returns whether it says that it is a master."""
        with self.client() as client:
            return bool(client.role()[0] == b"master")

    def kill(self) -> None:
        """Kills the process at once, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stops the process: its sockets stay open and nothing answers."""
        assert self._process is not None
        freeze(self._process.pid)

    def resume(self) -> None:
        """Lets it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


class RedisClusterServers:
    """Three masters with a replica each."""

    def __init__(self, directory: Path, *, node_timeout_ms: int = 2_000) -> None:
        self.node_timeout_ms = node_timeout_ms
        options = (
            "--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout_ms),
            "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0",
        )  # fmt: skip
        ports = free_ports(6)
        self.servers = [RedisServer(directory / str(port), port, *options) for port in ports]

    @property
    def url(self) -> str:
        """Returns the URL for [store] url: three of the six, of which any is enough."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers[:3])

    def start(self) -> RedisClusterServers:
        """Starts all processes, joins them and waits until every node sees a whole cluster."""
        for server in self.servers:
            server.start()
        addresses = [f"127.0.0.1:{server.port}" for server in self.servers]
        tool = shutil.which("redis-cli") or "redis-cli"
        create = [tool, "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"]
        subprocess.run(create, check=True, capture_output=True, timeout=60)
        self.wait_until_whole(self.servers)
        self.wait_until_replicated(self.servers)
        return self

    def wait_until_whole(self, servers: Sequence[RedisServer], timeout_s: float = START_S) -> None:
        """Waits until the given nodes say that every slot is served."""
        ends_s = time.monotonic() + timeout_s
        for server in servers:
            with server.client() as client:
                while client.cluster("INFO")["cluster_state"] != "ok":
                    if time.monotonic() > ends_s:
                        raise RuntimeError(f"the cluster is not whole, says {server.port}")
                    time.sleep(0.05)

    def wait_until_replicated(self, servers: Sequence[RedisServer], timeout_s: float = START_S) -> None:
        """Waits until every replica among the servers has its master's data: only such a one can take over."""
        ends_s = time.monotonic() + timeout_s
        for server in servers:
            with server.client() as client:
                while client.info("replication").get("master_link_status", "up") != "up":
                    if time.monotonic() > ends_s:
                        raise RuntimeError(f"the replica {server.port} has no data")
                    time.sleep(0.05)

    def masters(self) -> list[RedisServer]:
        """Returns the servers that are masters now, of those that run."""
        return [server for server in self.servers if server.runs and server.is_master()]

    def kill(self) -> None:
        """Kills every process."""
        for server in self.servers:
            server.kill()
