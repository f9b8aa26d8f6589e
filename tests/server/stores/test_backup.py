"""A backup is made while a writer writes, holds one moment, and comes back whole."""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.errors import Refused
from server.releases.registry import current_version
from server.releases.verify import verify_release
from server.stores.backup import back_up, restore
from server.stores.embedded_store import EmbeddedStore
from server.stores.event_log import EventLog
from server.stores.store import StoreLimits
from tests.support.small_release import build_small_release
from tests.support.store_contract import event, history_items, keys

LIMITS = StoreLimits(durable_writes=False)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    build_small_release(directory / "releases", items=10)
    (directory / "catalog").mkdir()
    (directory / "catalog" / "items.parquet").write_bytes(b"items")
    return directory


@pytest.fixture
def store(data_dir: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(data_dir / "store", LIMITS)
    yield store
    store.close()


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_what_was_backed_up_comes_back(
    tmp_path: Path, data_dir: Path, store: EmbeddedStore, name: str
) -> None:
    log = EventLog(data_dir / "events")
    store.events.append([event("e1", "a")])
    store.drain(log)
    store.events.append([event("e2", "b")])
    parts: list[str] = []
    summary = back_up(data_dir, tmp_path / name, store, log, progress=parts.append)
    assert parts[:4] == ["store", "events", "catalog", "releases"]
    store.events.append([event("e3", "c")])

    again = tmp_path / "again"
    assert restore(tmp_path / name, again) == summary
    restored = EmbeddedStore(again / "store", LIMITS)
    assert history_items(restored, "u:ann") == keys("a", "b")
    restored.drain(EventLog(again / "events"))
    assert EventLog(again / "events").row_count() == 2
    restored.close()
    assert current_version(again / "releases") == "r1"
    assert verify_release(again / "releases" / "r1")
    assert (again / "catalog" / "items.parquet").read_bytes() == b"items"
    modes = {p.stat().st_mode & 0o777 for p in (again / "releases" / "r1").rglob("*") if p.is_file()}
    assert modes == {0o444}


def test_a_backup_under_a_writer_holds_whole_batches_and_loses_none(
    tmp_path: Path, data_dir: Path, store: EmbeddedStore
) -> None:
    log = EventLog(data_dir / "events")
    stop, batches = threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            number = batches[0]
            store.events.append([event(f"e{number}-{n}", user=f"user-{number}") for n in range(5)])
            batches[0] += 1
            if number % 5 == 4:
                store.drain(log)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        for turn in range(3):
            before = batches[0]
            back_up(data_dir, tmp_path / f"copy-{turn}", store, log)
            restore(tmp_path / f"copy-{turn}", tmp_path / f"data-{turn}")
            check(tmp_path / f"data-{turn}", before)
    finally:
        stop.set()
        writer.join()


def check(restored: Path, batches: int) -> None:
    store, log = EmbeddedStore(restored / "store", LIMITS), EventLog(restored / "events")
    store.drain(log)
    stored = set(log.read().column("event_id").to_pylist())
    number = 0
    while (record := store.users.read(f"u:user-{number}")) is not None:
        assert record.total_events == 5
        assert {f"e{number}-{n}" for n in range(5)} <= stored
        number += 1
    assert number >= batches
    store.close()


def test_a_backup_never_replaces_a_file(tmp_path: Path, data_dir: Path, store: EmbeddedStore) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(Refused, match="exists already"):
        back_up(data_dir, tmp_path / "copy", store)


def test_a_backup_that_fails_leaves_nothing(
    tmp_path: Path, data_dir: Path, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    target = tmp_path / "backups" / "copy.tar"
    with pytest.raises(OSError, match="No space"):
        back_up(data_dir, target, store)
    assert list(target.parent.iterdir()) == []


def test_restoring_replaces_data_only_when_forced(
    tmp_path: Path, data_dir: Path, store: EmbeddedStore
) -> None:
    store.events.append([event("e1", "a")])
    back_up(data_dir, tmp_path / "copy", store)
    other = tmp_path / "other"
    build_small_release(other / "releases", items=5, version="other")
    with pytest.raises(Refused) as refusal:
        restore(tmp_path / "copy", other)
    assert refusal.value.reason == "TARGET_NOT_EMPTY"
    assert current_version(other / "releases") == "other"
    restore(tmp_path / "copy", other, force=True)
    assert current_version(other / "releases") == "r1"
    assert not (other / "releases" / "other").exists()


def test_a_store_of_its_own_place_is_restored_there(
    tmp_path: Path, data_dir: Path, store: EmbeddedStore
) -> None:
    store.events.append([event("e1", "a")])
    back_up(data_dir, tmp_path / "copy", store)
    restore(tmp_path / "copy", tmp_path / "new", store_dir=tmp_path / "fast")
    restored = EmbeddedStore(tmp_path / "fast", LIMITS)
    assert history_items(restored, "u:ann") == keys("a")
    restored.close()


@pytest.mark.parametrize("kind", ["empty", "text", "cut"])
def test_what_is_no_whole_backup_is_refused_and_nothing_changes(
    tmp_path: Path, data_dir: Path, store: EmbeddedStore, kind: str
) -> None:
    source = tmp_path / "copy.tar"
    if kind == "empty":
        tarfile.open(source, "w").close()
    elif kind == "text":
        source.write_text("no archive")
    else:
        back_up(data_dir, source, store)
        content = source.read_bytes()
        source.write_bytes(content[: len(content) // 2])
    target = tmp_path / "target"
    with pytest.raises(Refused):
        restore(source, target, force=True)
    assert list(target.iterdir()) == []
