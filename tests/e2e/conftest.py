"""One server with two workers for all end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from server.cli.client import ShortlistClient
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import SmallRelease, build_small_release

CONNECTIONS = 12
"""So many that all of them landing on one of the two workers is a matter of once in two thousand runs."""


@dataclass
class Shop:
    """A server with its releases `r1`, which serves, and `r2`; clients spread over its workers."""

    server: ServerProcess
    release: SmallRelease
    clients: list[ShortlistClient]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data_dir = tmp_path_factory.mktemp("shop")
    build_small_release(
        data_dir / "releases", items=600, categories=6, version="r2", parent="r1", activate=False
    )
    release = build_small_release(data_dir / "releases", items=600, categories=6, version="r1")
    # These tests are about what an answer holds, on machines of any speed; a late answer would be a degraded one.
    with running_server(data_dir, BUDGET__DEADLINE_MS=10_000) as server:
        clients = server.clients(CONNECTIONS)
        yield Shop(server, release, clients)
        for client in clients:
            client.close()
