"""T46, T47: a publish that is killed at a system call, or whose disk fails there, leaves the old release or the new one.

`make test-faults` tries every call; here the first, the last and a few between stand for them.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.releases.mapped_release import MappedRelease
from server.releases.registry import current_version, list_releases
from server.releases.verify import verify_release
from server.releases.writer import ReleaseWriter
from tests.support.small_release import SmallNames, build_small_release, small_contents
from tests.support.traced_publish import SYSTEM_CALLS, TracedPublisher

SAMPLED = 1


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracedPublisher]:
    made = TracedPublisher(tmp_path_factory.mktemp("strace"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    releases = tmp_path_factory.mktemp("old") / "releases"
    build_small_release(releases, items=12, version="r1")
    return releases


@pytest.fixture(scope="module")
def calls(publisher: TracedPublisher, old: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How many system calls of each kind a publish makes."""
    releases = fresh(old, tmp_path_factory.mktemp("counted"))
    ended = publisher.publish(releases)
    assert ended.exit_code == 0
    assert current_version(releases) == "r2"
    return ended.calls


def fresh(old: Path, directory: Path) -> Path:
    releases = directory / "releases"
    shutil.rmtree(releases, ignore_errors=True)
    shutil.copytree(old, releases, symlinks=True)
    return releases


def chosen(count: int, seed: str) -> list[int]:
    between = range(2, count)
    return sorted({1, count, *random.Random(seed).sample(between, min(SAMPLED, len(between)))})


def assert_whole(releases: Path) -> None:
    """The current release serves, every release there is verifies, and the next publish cleans up."""
    current = current_version(releases)
    assert current in ("r1", "r2")
    MappedRelease.open(releases / str(current), prefault_pages=False)
    for entry in list_releases(releases):
        assert entry.refused_reason == ""
        verify_release(releases / entry.version)
    ReleaseWriter(releases).write(small_contents(SmallNames.make(12, 3, 2), spare_rows=4, version="r3"))
    assert {path.name for path in releases.iterdir()} <= {
        "r1",
        "r2",
        "r3",
        "current",
        "previous",
        ".lock",
        ".verified",
    }


@pytest.mark.parametrize("call", SYSTEM_CALLS)
def test_killed_at_any_call_the_old_release_or_the_new_one_is_whole(
    publisher: TracedPublisher, calls: dict[str, int], old: Path, tmp_path: Path, call: str
) -> None:
    for number in chosen(calls[call], call):
        releases = fresh(old, tmp_path)
        assert publisher.publish(releases, call, number).exit_code == -9
        assert_whole(releases)


@pytest.mark.parametrize(
    ("call", "fault"),
    [("fsync", "error=EIO"), ("write", "error=ENOSPC"), ("openat", "error=EMFILE"), ("rename", "error=EIO")],
)
def test_a_disk_that_fails_makes_the_publish_fail_and_leaves_a_whole_release(
    publisher: TracedPublisher, calls: dict[str, int], old: Path, tmp_path: Path, call: str, fault: str
) -> None:
    for number in chosen(calls[call], call):
        releases = fresh(old, tmp_path)
        assert publisher.publish(releases, call, number, fault).exit_code == 1
        assert_whole(releases)


def test_a_sync_that_failed_is_not_tried_again(
    publisher: TracedPublisher, calls: dict[str, int], old: Path, tmp_path: Path
) -> None:
    releases = fresh(old, tmp_path)
    ended = publisher.publish(releases, "fsync", 1, "error=EIO")
    assert ended.exit_code == 1
    assert ended.calls["fsync"] == 1
