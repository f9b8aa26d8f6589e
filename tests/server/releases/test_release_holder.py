"""A worker's release: newest changes at once, switched under readers, never replaced by a broken one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from server.errors import NotReady, StoreUnavailable
from server.releases.format import ItemFlag
from server.releases.mapped_release import MappedRelease
from server.releases.registry import activate, roll_back
from server.releases.release_holder import ReleaseHolder
from server.stores.memory_store import MemoryOverlayLog
from tests.support.small_release import build_small_release


@pytest.fixture
def log() -> MemoryOverlayLog:
    return MemoryOverlayLog()


def test_without_a_release_the_server_is_not_ready(tmp_path: Path, log: MemoryOverlayLog) -> None:
    holder = ReleaseHolder(tmp_path, log)
    assert holder.refresh() is False
    with pytest.raises(NotReady):
        holder.current()


def test_a_change_is_there_at_the_next_look(tmp_path: Path, log: MemoryOverlayLog) -> None:
    build_small_release(tmp_path, items=20)
    holder = ReleaseHolder(tmp_path, log)
    assert holder.refresh() is True
    release = holder.current()
    log.append([("item-0003", False, {"price": 55.0})])
    row = release.rows_of(["item-0003"])[0]
    assert holder.current().arrays.price[row] == 55
    assert release.overlay_sequence == 1


def test_changes_that_a_release_holds_already_are_not_applied_again(
    tmp_path: Path, log: MemoryOverlayLog
) -> None:
    build_small_release(tmp_path, items=20, overlay_sequence=1)
    log.append([("item-0003", False, {"price": 55.0}), ("item-0004", False, {"price": 66.0})])
    holder = ReleaseHolder(tmp_path, log)
    holder.refresh()
    release = holder.current()
    rows = release.rows_of(["item-0003", "item-0004"])
    assert release.arrays.price[rows[0]] != 55
    assert release.arrays.price[rows[1]] == 66


def test_a_new_release_takes_over_with_the_changes_that_are_newer(
    tmp_path: Path, log: MemoryOverlayLog
) -> None:
    build_small_release(tmp_path, items=20)
    holder = ReleaseHolder(tmp_path, log)
    holder.refresh()
    log.append([("new-1", False, {"title": "New"})])
    before = holder.current()
    build_small_release(tmp_path, items=30, version="r2")
    assert holder.refresh() is True
    assert holder.current().version == "r2"
    assert holder.current().rows_of(["new-1"])[0] == 30
    assert holder.previous is before
    assert before.rows_of(["new-1"])[0] == 20


def test_a_broken_release_leaves_the_old_one_serving_and_says_why(
    tmp_path: Path, log: MemoryOverlayLog
) -> None:
    build_small_release(tmp_path, items=20)
    holder = ReleaseHolder(tmp_path, log)
    holder.refresh()
    broken = build_small_release(tmp_path, items=20, version="r2", activate=False)
    price = broken.path / "items/price.npy"
    price.chmod(0o644)
    price.write_bytes(price.read_bytes()[:-1] + b"\xff")
    activate(tmp_path, "r2")
    assert holder.refresh() is False
    assert holder.current().version == "r1"
    assert holder.refused is not None
    assert (holder.refused.version, holder.refused.reason) == ("r2", "RELEASE_CORRUPT")
    assert "items/price.npy" in holder.refused.message
    activate(tmp_path, "r1")
    assert holder.refresh() is True
    assert holder.refused is None


def test_rolling_back_serves_the_mapping_that_was_kept_brought_up_to_date(
    tmp_path: Path, log: MemoryOverlayLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_small_release(tmp_path, items=20)
    holder = ReleaseHolder(tmp_path, log)
    holder.refresh()
    first = holder.current()
    build_small_release(tmp_path, items=20, version="r2")
    holder.refresh()
    log.append([("item-0003", False, {"price": 55.0})])
    roll_back(tmp_path)
    assert holder.refresh() is True
    assert holder.current() is first
    assert first.arrays.price[first.rows_of(["item-0003"])[0]] == 55


def test_an_overlay_log_that_cannot_be_read_stops_no_request(tmp_path: Path) -> None:
    class Broken(MemoryOverlayLog):
        def read_after(self, sequence: int):  # type: ignore[no-untyped-def]
            raise StoreUnavailable("down")

    build_small_release(tmp_path, items=20)
    log = Broken()
    holder = ReleaseHolder(tmp_path, log)
    holder.refresh()
    log.append([("item-0003", False, {"price": 55.0})])
    assert holder.current().version == "r1"
    assert holder.overlay_failures > 0


def what_is_wrong(release: MappedRelease, announced: int) -> Iterator[str]:
    if release.item_count != {"r0": 20, "r1": 30}[release.version]:
        yield "a mix of two releases"
    if release.overlay_sequence < announced:
        yield "an older overlay than the one announced"
    for row in release.fresh_rows.tolist():
        shown = not release.arrays.flags[row] & ItemFlag.VACANT
        if shown and release.title(row) != release.item_id(row).upper():
            yield "half a new item"
    if len(release.search_ann(release.arrays.item_vectors[3], 5)[0]) != 5:
        yield "a short search"


def test_readers_never_see_a_mix_while_releases_and_items_change(
    tmp_path: Path, log: MemoryOverlayLog
) -> None:
    build_small_release(tmp_path, items=20, version="r0")
    build_small_release(tmp_path, items=30, version="r1", activate=False)
    holder = ReleaseHolder(tmp_path, log)
    holder.refresh()
    stop = threading.Event()
    failures: list[str] = []

    def read() -> None:
        while not stop.is_set():
            last = log.last_sequence()
            failures.extend(what_is_wrong(holder.current(), last))

    readers = [threading.Thread(target=read, daemon=True) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(8):
            log.append([(f"new-{turn}", False, {"title": f"NEW-{turn}"})])
            activate(tmp_path, f"r{(turn + 1) % 2}")
            assert holder.refresh()
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert failures == []


def files_open_in(directory: Path) -> list[str]:
    """Returns the files that this process has open there; those of other tests come and go with the collector."""
    targets = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            targets.append(os.readlink(link))
    return [target for target in targets if target.startswith(str(directory))]


def test_switching_many_times_leaves_no_file_open_and_no_mapping_behind(
    tmp_path: Path, log: MemoryOverlayLog
) -> None:
    for number in range(3):
        build_small_release(tmp_path, items=10, version=f"r{number}", activate=False)
    holder = ReleaseHolder(tmp_path, log)

    def switch(turns: int) -> tuple[int, int]:
        for turn in range(turns):
            activate(tmp_path, f"r{turn % 3}")
            assert holder.refresh()
        mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line]
        return len(files_open_in(tmp_path)), len(mapped)

    assert switch(6) == switch(30)


def test_a_process_that_starts_on_a_damaged_release_serves_the_one_before_and_says_why(
    tmp_path: Path, log: MemoryOverlayLog
) -> None:
    build_small_release(tmp_path, items=20)
    damaged = build_small_release(tmp_path, items=20, version="r2")
    os.chmod(damaged.path / "items/price.npy", 0o644)
    os.truncate(damaged.path / "items/price.npy", 0)
    holder = ReleaseHolder(tmp_path, log)
    assert holder.refresh() is False
    assert holder.current().version == "r1"
    assert holder.refused is not None
    assert holder.refused.version == "r2"
    # It goes on saying so, and takes the next release that is whole.
    assert holder.refresh() is False
    assert (holder.current().version, holder.refused.version) == ("r1", "r2")
    build_small_release(tmp_path, items=20, version="r3")
    assert holder.refresh() is True
    assert holder.current().version == "r3"


def test_without_a_release_before_it_a_damaged_one_is_not_served(
    tmp_path: Path, log: MemoryOverlayLog
) -> None:
    damaged = build_small_release(tmp_path, items=20)
    os.chmod(damaged.path / "items/price.npy", 0o644)
    os.truncate(damaged.path / "items/price.npy", 0)
    holder = ReleaseHolder(tmp_path, log)
    assert holder.refresh() is False
    assert holder.release is None
    assert holder.refused is not None
