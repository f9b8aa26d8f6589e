"""The URL in the settings chooses the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import InvalidRequest
from server.stores.embedded_store import EmbeddedStore
from server.stores.memory_store import MemoryStore
from server.stores.open_store import open_store, store_directory


def test_memory_is_in_memory(tmp_path: Path) -> None:
    assert isinstance(open_store("memory:", tmp_path / "store"), MemoryStore)
    assert not (tmp_path / "store").exists()


def test_lmdb_lies_in_the_default_directory_or_where_the_url_says(tmp_path: Path) -> None:
    store = open_store("lmdb:", tmp_path / "store")
    assert isinstance(store, EmbeddedStore)
    store.close()
    assert (tmp_path / "store" / "state" / "data.mdb").exists()
    assert store_directory("lmdb:/var/shortlist", tmp_path) == Path("/var/shortlist")
    assert store_directory("lmdb:///var/shortlist", tmp_path) == Path("/var/shortlist")


@pytest.mark.parametrize("url", ["valkey://localhost", "lmdb", "", "sqlite:/x"])
def test_an_unknown_store_is_refused_with_those_that_are_known(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidRequest, match="known are lmdb:, memory:"):
        open_store(url, tmp_path)
