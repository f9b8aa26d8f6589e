"""One Triton for the tests of a file, with a release's models in its repository."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.releases.mapped_release import MappedRelease
from tests.support.small_release import build_small_release
from tests.support.triton_server import TritonClient, TritonServer, publish, triton_server


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    with triton_server(tmp_path_factory.mktemp("triton")) as server:
        yield server


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, triton: TritonServer) -> MappedRelease:
    """A release of 600 items whose models are in Triton's repository."""
    small = build_small_release(tmp_path_factory.mktemp("releases"), items=600, categories=6)
    mapped = MappedRelease.open(small.path)
    publish(mapped, triton.repository)
    return mapped


@pytest.fixture(scope="module")
def client(triton: TritonServer, release: MappedRelease) -> Iterator[TritonClient]:
    """A client for whom the release's model is loaded."""
    made = TritonClient(triton)
    made.models.ensure(release)
    yield made
    made.channel.close()
