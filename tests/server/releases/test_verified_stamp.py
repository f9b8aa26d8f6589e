"""A machine hashes a release once a boot; whatever changes a file has it hashed again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from server.errors import ReleaseRefused
from server.releases import verified_stamp, verify
from server.releases.registry import prune
from server.releases.verified_stamp import STAMPS_DIR
from server.releases.verify import verify_release
from tests.support.small_release import CREATED_TIME_S, build_small_release

FILE = "vectors/item_vectors.npy"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were hashed, as they are."""
    seen: list[Path] = []
    whole = verify.hash_files

    def hash_files(paths: list[Path], *, behind: bool) -> object:
        seen.extend(paths)
        return whole(paths, behind=behind)

    monkeypatch.setattr(verify, "hash_files", hash_files)
    return seen


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release that no stamp stands for. The clock's tick is set to nothing, so that no test waits for it."""
    monkeypatch.setattr(verified_stamp, "_TICK_NS", -10_000_000_000)
    path = build_small_release(tmp_path / "releases", items=40).path
    shutil.rmtree(path.parent / STAMPS_DIR, ignore_errors=True)
    return path


def flip_a_bit(path: Path) -> None:
    """Damages a file and puts its times back, as far as a program can."""
    before = path.stat()
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def stamp_of(release: Path) -> Path:
    return release.parent / STAMPS_DIR / f"{release.name}.json"


def test_a_release_that_has_not_changed_is_hashed_once(release: Path, hashed: list[Path]) -> None:
    manifest = verify_release(release)
    assert len(hashed) == len(manifest.files)
    assert verify_release(release) == manifest
    assert len(hashed) == len(manifest.files)


def test_it_is_hashed_again_when_that_is_asked_for(release: Path, hashed: list[Path]) -> None:
    first = verify_release(release)
    verify_release(release, again=True)
    assert len(hashed) == 2 * len(first.files)


@pytest.mark.parametrize("path", [FILE, "ann/ann_links.npy", "popularity/lists.json"])
def test_a_file_that_was_damaged_after_it_was_verified_is_refused(release: Path, path: str) -> None:
    verify_release(release)
    flip_a_bit(release / path)
    with pytest.raises(ReleaseRefused) as refusal:
        verify_release(release)
    assert refusal.value.metadata["file"] == path


def test_a_file_of_the_same_content_in_another_place_is_hashed_again(
    release: Path, hashed: list[Path]
) -> None:
    verify_release(release)
    hashed.clear()
    copy = release / "copy"
    shutil.copy2(release / FILE, copy)
    os.replace(copy, release / FILE)
    verify_release(release)
    assert release / FILE in hashed


def test_damage_that_left_no_trace_is_found_when_all_is_hashed_and_refused_from_then_on(
    release: Path,
) -> None:
    verify_release(release)
    flip_a_bit(release / FILE)
    stamp = json.loads(stamp_of(release).read_text())
    found = (release / FILE).stat()
    facts = [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
    stamp["files"][FILE] = facts
    stamp_of(release).write_text(json.dumps(stamp))
    verify_release(release)  # as a bit that rots on the disk
    for again in (True, False):
        with pytest.raises(ReleaseRefused):
            verify_release(release, again=again)


@pytest.mark.parametrize("changed", ["boot", "format", "checks", "manifest"])
def test_a_stamp_of_another_boot_or_other_checks_is_not_believed(
    release: Path, hashed: list[Path], changed: str
) -> None:
    verify_release(release)
    hashed.clear()
    stamp = json.loads(stamp_of(release).read_text())
    stamp_of(release).write_text(json.dumps({**stamp, changed: "other"}))
    verify_release(release)
    assert hashed


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000, b"\xff"])
def test_a_stamp_that_is_not_one_is_not_believed(release: Path, hashed: list[Path], content: bytes) -> None:
    verify_release(release)
    hashed.clear()
    stamp_of(release).write_bytes(content)
    verify_release(release)
    assert hashed


def test_a_file_that_changed_a_moment_ago_leaves_no_stamp(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified_stamp, "_TICK_NS", 3_600_000_000_000)
    verify_release(release)
    assert not stamp_of(release).exists()


def test_where_no_stamp_can_be_written_the_release_is_verified_every_time(
    release: Path, hashed: list[Path]
) -> None:
    (release.parent / STAMPS_DIR).write_text("a file in the way")
    first = verify_release(release)
    verify_release(release)
    assert len(hashed) == 2 * len(first.files)


def test_a_machine_that_tells_no_boot_verifies_every_time(
    release: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified_stamp, "_BOOT_ID", Path("/nowhere"))
    first = verify_release(release)
    verify_release(release)
    assert len(hashed) == 2 * len(first.files)


def test_hashing_behind_others_finds_the_same(release: Path) -> None:
    flip_a_bit(release / FILE)
    with pytest.raises(ReleaseRefused) as refusal:
        verify_release(release, behind=True)
    assert refusal.value.metadata["file"] == FILE


def test_the_stamp_goes_with_its_release(release: Path) -> None:
    verify_release(release)
    for age, version in enumerate("abc"):
        build_small_release(
            release.parent,
            items=6,
            version=version,
            created_time_s=CREATED_TIME_S + 1 + age,
            activate=age > 0,
        )
    assert stamp_of(release).exists()
    assert release.name in prune(release.parent, 2)
    assert not stamp_of(release).exists()
