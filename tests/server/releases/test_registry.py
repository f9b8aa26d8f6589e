"""Which releases there are, which one serves, and going back."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import NotFound, Refused
from server.releases.registry import (
    activate,
    current_version,
    list_releases,
    previous_version,
    prune,
    roll_back,
)
from tests.support.small_release import CREATED_TIME_S, build_small_release


def build(releases_dir: Path, *versions: str) -> None:
    for age, version in enumerate(versions):
        build_small_release(
            releases_dir, items=6, version=version, created_time_s=CREATED_TIME_S + age, activate=False
        )


def test_an_empty_directory_has_no_release(tmp_path: Path) -> None:
    assert list_releases(tmp_path / "none") == []
    assert current_version(tmp_path / "none") is None


def test_releases_are_listed_oldest_first(tmp_path: Path) -> None:
    build(tmp_path, "b", "a", "c")
    activate(tmp_path, "a")
    assert [(e.version, e.serving) for e in list_releases(tmp_path)] == [
        ("b", False),
        ("a", True),
        ("c", False),
    ]


def test_an_unknown_release_cannot_be_activated(tmp_path: Path) -> None:
    build(tmp_path, "a")
    with pytest.raises(NotFound):
        activate(tmp_path, "b")
    with pytest.raises(NotFound):
        activate(tmp_path, "../a")


def test_rolling_back_returns_to_what_served_before_and_twice_is_forth_again(tmp_path: Path) -> None:
    build(tmp_path, "a", "b", "c")
    activate(tmp_path, "b")
    activate(tmp_path, "c")
    assert roll_back(tmp_path) == "b"
    assert (current_version(tmp_path), previous_version(tmp_path)) == ("b", "c")
    assert roll_back(tmp_path) == "c"


def test_without_a_previous_release_there_is_no_way_back(tmp_path: Path) -> None:
    build(tmp_path, "a")
    activate(tmp_path, "a")
    with pytest.raises(Refused):
        roll_back(tmp_path)


def test_activating_the_current_release_again_forgets_nothing(tmp_path: Path) -> None:
    build(tmp_path, "a", "b")
    activate(tmp_path, "a")
    activate(tmp_path, "b")
    activate(tmp_path, "b")
    assert previous_version(tmp_path) == "a"


def test_pruning_keeps_the_newest_and_never_the_current_or_previous_away(tmp_path: Path) -> None:
    build(tmp_path, "a", "b", "c", "d", "e")
    activate(tmp_path, "a")
    activate(tmp_path, "b")
    assert prune(tmp_path, keep=3) == ["c", "d"]
    assert [e.version for e in list_releases(tmp_path)] == ["a", "b", "e"]
    assert prune(tmp_path, keep=1) == ["e"]
    assert [e.version for e in list_releases(tmp_path)] == ["a", "b"]


def test_a_release_without_a_readable_manifest_is_listed_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "torn").mkdir()
    (entry,) = list_releases(tmp_path)
    assert entry.manifest is None
    assert "manifest.json" in entry.refused_reason
