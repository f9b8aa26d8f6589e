"""A release is wholly there or not at all, whatever fails while it is written."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from server.errors import ContractBroken, Refused
from server.releases.format import MANIFEST_NAME
from server.releases.registry import activate, current_version, list_releases
from server.releases.verify import verify_release
from server.releases.writer import ReleaseContents, ReleaseWriter
from tests.support.small_release import SmallNames, build_small_release, small_contents


@pytest.fixture(scope="module")
def contents() -> ReleaseContents:
    return small_contents(SmallNames.make(12, 3, 2), spare_rows=4, version="r2")


class Crash(BaseException):
    """Stands for a process that dies: no except clause of the code under test may hold it."""


def test_a_written_release_verifies(tmp_path: Path, contents: ReleaseContents) -> None:
    manifest = verify_release(ReleaseWriter(tmp_path).write(contents))
    assert (manifest.version, manifest.item_count, manifest.capacity) == ("r2", 12, 16)


def test_the_same_contents_give_the_same_bytes(tmp_path: Path) -> None:
    manifests = []
    for place in ("a", "b"):
        release = build_small_release(tmp_path / place, items=12)
        manifests.append((release.path / MANIFEST_NAME).read_bytes())
    assert manifests[0] == manifests[1]


def test_every_file_is_read_only(tmp_path: Path, contents: ReleaseContents) -> None:
    path = ReleaseWriter(tmp_path).write(contents)
    modes = {file.stat().st_mode & 0o777 for file in path.rglob("*") if file.is_file()}
    assert modes == {0o444}


def test_a_version_is_written_once(tmp_path: Path, contents: ReleaseContents) -> None:
    ReleaseWriter(tmp_path).write(contents)
    with pytest.raises(Refused, match="exists already"):
        ReleaseWriter(tmp_path).write(contents)


@pytest.mark.parametrize("version", ["", "current", "previous", "../r1", ".r1", "a/b", "x" * 65])
def test_a_version_that_is_no_plain_name_is_refused(
    tmp_path: Path, contents: ReleaseContents, version: str
) -> None:
    with pytest.raises(ContractBroken, match="cannot name a release"):
        ReleaseWriter(tmp_path).write(dataclasses.replace(contents, version=version))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"items/price.npy": None}, "items/price.npy is missing"),
        ({"items/colour.npy": np.zeros(3)}, "items/colour.npy is not part"),
        ({"items/price.npy": np.zeros(16)}, "items/price.npy has dtype float64"),
        ({"items/price.npy": np.zeros(12, np.float32)}, r"items/price.npy has shape \(12,\)"),
        ({"vectors/item_vectors.npy": np.zeros((16, 32), np.float32)}, "item_vectors.npy has shape"),
        ({"models/weights/head_w2.npy": np.zeros((16, 1), np.float32)}, "head_w2.npy is float32"),
    ],
)
def test_arrays_that_do_not_fit_the_format_are_refused(
    tmp_path: Path, contents: ReleaseContents, change: dict[str, np.ndarray | None], named: str
) -> None:
    arrays = {path: array for path, array in {**contents.arrays, **change}.items() if array is not None}
    with pytest.raises(ContractBroken, match=named):
        ReleaseWriter(tmp_path).write(dataclasses.replace(contents, arrays=arrays))
    assert list_releases(tmp_path) == []


def _calls_of(function: str, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> int:
    calls = 0
    real = getattr(os, function)

    def counted(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, function, counted)
        action()
    return calls


def _fail_at(function: str, call: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    real = getattr(os, function)

    def failing(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(os, function, failing)


@pytest.mark.parametrize("function", ["fsync", "fchmod", "rename"])
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), Crash()], ids=["EIO", "crash"])
def test_a_failure_at_any_call_leaves_the_old_release_and_no_half_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    contents: ReleaseContents,
    function: str,
    error: BaseException,
) -> None:
    build_small_release(tmp_path / "counted", items=12)
    counted = tmp_path / "counted"
    calls = _calls_of(function, monkeypatch, lambda: ReleaseWriter(counted).write(contents))
    releases = tmp_path / "releases"
    build_small_release(releases, items=12, version="r1")
    # The files are many and alike: the first, some in the middle, and each of the last calls.
    for call in sorted({1, max(1, calls // 2), *range(max(1, calls - 14), calls + 1)}):
        with monkeypatch.context() as patch:
            _fail_at(function, call, error, patch)
            with pytest.raises(type(error)):
                ReleaseWriter(releases).write(contents)
        assert current_version(releases) == "r1"
        for entry in list_releases(releases):
            assert verify_release(releases / entry.version)
        written = releases / "r2"
        if written.exists():  # only the directory's own fsync, after the rename, may leave it
            assert call == calls
            written.rename(tmp_path / f"done-{call}")


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path, contents: ReleaseContents) -> None:
    leftover = tmp_path / ".writing-r0"
    leftover.mkdir()
    (leftover / "half.npy").write_bytes(b"half")
    ReleaseWriter(tmp_path).write(contents)
    assert not leftover.exists()
    assert [entry.version for entry in list_releases(tmp_path)] == ["r2"]


@pytest.mark.parametrize("function", ["symlink", "replace"])
def test_a_crash_while_activating_leaves_the_old_release_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: ReleaseContents, function: str
) -> None:
    build_small_release(tmp_path, items=12, version="r1")
    ReleaseWriter(tmp_path).write(contents)
    with monkeypatch.context() as patch:
        _fail_at(function, 1, Crash(), patch)
        with pytest.raises(Crash):
            activate(tmp_path, "r2")
    assert current_version(tmp_path) == "r1"
    activate(tmp_path, "r2")
    assert current_version(tmp_path) == "r2"
