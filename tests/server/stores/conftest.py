"""Real Redis servers, started once for all tests of the stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.redis_server import RedisClusterServers, RedisServer, free_ports


@pytest.fixture(scope="session")
def redis_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("redis")


@pytest.fixture(scope="session")
def redis_server(redis_directory: Path) -> Iterator[RedisServer]:
    """One server that no test stops or breaks for the others."""
    server = RedisServer(redis_directory / "single", free_ports(1)[0])
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="session")
def redis_cluster(redis_directory: Path) -> Iterator[RedisClusterServers]:
    """Six nodes that no test stops or breaks for the others."""
    cluster = RedisClusterServers(redis_directory / "cluster")
    try:
        yield cluster.start()
    finally:
        cluster.kill()
