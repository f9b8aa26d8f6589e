"""Several processes share one store: what one has written, the next read of another sees."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.stores.embedded_store import EmbeddedStore
from server.stores.store import StoreLimits
from tests.support.store_contract import event, history_items, keys

LIMITS = StoreLimits(durable_writes=False, map_bytes_max=64 << 20)
REPOSITORY = Path(__file__).resolve().parents[3]

PRELUDE = """
import sys
from pathlib import Path
from server.stores import lmdb_environment
lmdb_environment.MAP_BYTES_START = int(sys.argv[2])
from server.stores.embedded_store import EmbeddedStore
from server.stores.store import StoreLimits
from tests.support.store_contract import event, history_items
store = EmbeddedStore(Path(sys.argv[1]), StoreLimits(durable_writes=False, map_bytes_max=64 << 20))
"""


class Other:
    """Another process with the store open; runs one expression a line."""

    def __init__(self, directory: Path, map_bytes: int) -> None:
        loop = "for line in sys.stdin: print(repr(eval(line)), flush=True)"
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + loop, str(directory), str(map_bytes)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, expression: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path / "store", LIMITS)
    yield store
    store.close()


@pytest.fixture
def other(store: EmbeddedStore) -> Iterator[Other]:
    other = Other(store.directory, 256 << 10)
    yield other
    other.close()


def test_each_write_is_seen_by_the_next_read_of_the_other(store: EmbeddedStore, other: Other) -> None:
    items = [f"i{n}" for n in range(20)]
    for n, item in enumerate(items):
        if n % 2:
            store.events.append([event(f"e{n}", item)])
            assert other.run("history_items(store, 'u:ann')") == repr(keys(*items[: n + 1]))
        else:
            other.run(f"store.events.append([event('e{n}', '{item}')])")
            assert history_items(store, "u:ann") == keys(*items[: n + 1])


def test_item_changes_of_two_processes_have_one_numbering(store: EmbeddedStore, other: Other) -> None:
    assert store.overlay.append([("a", True, {})]) == 1
    assert other.run("store.overlay.append([('b', True, {})])") == "2"
    assert store.overlay.last_sequence() == 2
    assert [change.item_id for change in store.overlay.read_after(0)] == ["a", "b"]


def test_an_event_that_comes_by_two_processes_is_stored_once(store: EmbeddedStore, other: Other) -> None:
    store.events.append([event("e1")])
    assert "duplicates=1" in other.run("store.events.append([event('e1')])")


def test_a_process_follows_the_map_that_another_has_grown(store: EmbeddedStore, other: Other) -> None:
    for batch in range(10):
        store.events.append([event(f"e{batch}-{n}", user=f"user-{batch}-{n}") for n in range(300)])
    assert other.run("history_items(store, 'u:user-9-299')") == repr(keys("a"))
    assert "stored=1" in other.run("store.events.append([event('late', 'b')])")
    assert history_items(store, "u:ann") == keys("b")


def test_a_killed_reader_and_writer_leave_the_store_usable(store: EmbeddedStore, other: Other) -> None:
    store.events.append([event("e1")])
    assert other.run("setattr(sys, 'held', store._state._env.begin())") == "None"
    assert other.run("setattr(sys, 'writing', store._shown._env.begin(write=True))") == "None"
    other.close()
    store.sweep()
    assert store._state._env.readers().strip().count("\n") <= 1
    store.recommendations.append([])
    assert store.recommendations.sweep(1) == 0
    assert history_items(store, "u:ann") == keys("a")
