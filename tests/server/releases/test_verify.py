"""Whatever is wrong with a release, it is refused by name before anything is mapped."""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from server.errors import ReleaseRefused
from server.releases.format import MANIFEST_NAME, MODEL_CONFIG_PATH, VOCABULARIES_PATH
from server.releases.manifest import manifest_from_bytes, manifest_to_bytes
from server.releases.mapped_release import MappedRelease
from server.releases.verify import verify_release
from server.releases.writer import ReleaseContents, ReleaseWriter
from tests.support.small_release import SmallNames, build_small_release, small_contents


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small_release(tmp_path_factory.mktemp("sound"), items=40).path


@pytest.fixture
def release(sound: Path, tmp_path: Path) -> Path:
    copy = tmp_path / sound.name
    shutil.copytree(sound, copy)
    return copy


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def assert_refused_before_mapping(release: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **kwargs: object) -> object:
        raise AssertionError("a corrupt file was mapped")

    monkeypatch.setattr(np, "load", never)
    with pytest.raises(ReleaseRefused) as refusal:
        MappedRelease.open(release)
    assert refusal.value.metadata["file"] == file
    assert file in refusal.value.message


DAMAGES = ["one bit", "20 bytes", "torn 4 KiB", "truncated", "extended", "missing", "empty"]


def damage(path: Path, kind: str, rng: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    at = int(rng.integers(0, len(content)))
    if kind == "one bit":
        content[at] ^= 1 << int(rng.integers(0, 8))
    elif kind == "20 bytes":
        place = slice(min(at, max(0, len(content) - 20)), None)
        content[place] = bytes(b ^ 0xA5 for b in content[place][:20]) + content[place][20:]
    elif kind == "torn 4 KiB":
        content[-4096:] = bytes(len(content[-4096:]))
    elif kind == "truncated":
        del content[at:]
    elif kind == "extended":
        content += b"\0"
    elif kind == "empty":
        content.clear()
    overwrite(path, bytes(content))
    if kind == "missing":
        os.unlink(path)


def all_files(sound: Path) -> list[str]:
    return sorted(str(path.relative_to(sound)) for path in sound.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", DAMAGES)
def test_every_kind_of_damage_to_every_file_is_refused(
    sound: Path, release: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    rng = np.random.default_rng(7)
    for file in all_files(sound):
        damage(release / file, kind, rng)
        if (release / file).exists() and (release / file).read_bytes() == (sound / file).read_bytes():
            continue  # such as a torn write over zeros
        with monkeypatch.context() as patch:
            assert_refused_before_mapping(release, file, patch)
        (release / file).unlink(missing_ok=True)
        shutil.copy2(sound / file, release / file)
    assert verify_release(release)


def test_a_refusal_leaves_no_thread_behind(release: Path) -> None:
    damage(release / "items/price.npy", "one bit", np.random.default_rng(7))
    with pytest.raises(ReleaseRefused) as refusal:
        verify_release(release)
    # The error still refers to all that it came through.
    assert refusal.tb is not None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hash")]


LINKS_PATH = "ann/ann_links.npy"


def test_an_index_cut_at_any_hundredth_is_refused(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (release / LINKS_PATH).read_bytes()
    for hundredth in range(100):
        overwrite(release / LINKS_PATH, content[: len(content) * hundredth // 100])
        with monkeypatch.context() as patch:
            assert_refused_before_mapping(release, LINKS_PATH, patch)


def test_swapped_files_are_refused(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    price, rating = release / "items/price.npy", release / "items/avg_rating.npy"
    first, second = price.read_bytes(), rating.read_bytes()
    overwrite(price, second)
    overwrite(rating, first)
    assert_refused_before_mapping(release, "items/avg_rating.npy", monkeypatch)


def test_an_index_of_another_release_is_refused_as_a_unit(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = build_small_release(tmp_path / "other", items=40, seed=1)
    overwrite(release / LINKS_PATH, (other.path / LINKS_PATH).read_bytes())
    assert_refused_before_mapping(release, LINKS_PATH, monkeypatch)


def change_manifest(release: Path, **changes: object) -> None:
    manifest = manifest_from_bytes((release / MANIFEST_NAME).read_bytes())
    changed = dataclasses.replace(manifest, **changes)  # type: ignore[arg-type]
    overwrite(release / MANIFEST_NAME, manifest_to_bytes(changed))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format_version": 0}, "RELEASE_FORMAT"),
        ({"format_version": 1}, "RELEASE_FORMAT"),
        ({"format_version": 2}, "RELEASE_FORMAT"),
        ({"schema_hash": "0" * 16}, "RELEASE_SCHEMA"),
        ({"version": "r9"}, "RELEASE_CORRUPT"),
        ({"item_count": 39}, "RELEASE_SHAPE"),
        ({"capacity": 41}, "RELEASE_SHAPE"),
        ({"item_count": -1}, "RELEASE_SHAPE"),
        ({"image_dims": 3}, "RELEASE_SHAPE"),
    ],
)
def test_a_manifest_that_says_otherwise_is_refused(
    release: Path, changes: dict[str, object], reason: str
) -> None:
    change_manifest(release, **changes)
    with pytest.raises(ReleaseRefused) as refusal:
        verify_release(release)
    assert refusal.value.reason == reason


def test_a_path_out_of_the_release_is_refused(release: Path) -> None:
    manifest = manifest_from_bytes((release / MANIFEST_NAME).read_bytes())
    stray = {**manifest.files, "../secret": manifest.files["items/price.npy"]}
    change_manifest(release, files=stray)
    with pytest.raises(ReleaseRefused, match=r"\.\./secret"):
        verify_release(release)


def _with_array(contents: ReleaseContents, path: str, array: np.ndarray) -> ReleaseContents:
    return dataclasses.replace(contents, arrays={**contents.arrays, path: array})


def _changed(contents: ReleaseContents, path: str, at: int, value: object) -> ReleaseContents:
    array = contents.arrays[path].copy()
    array[at] = value  # type: ignore[call-overload]
    return _with_array(contents, path, array)


@pytest.mark.parametrize(
    ("path", "at", "value"),
    [
        ("neighbours/neighbour_offsets.npy", 3, 10_000),
        ("neighbours/neighbour_offsets.npy", 0, 1),
        ("neighbours/neighbour_offsets.npy", -1, 5),
        ("neighbours/neighbour_rows.npy", 0, 12),
        ("neighbours/neighbour_rows.npy", 0, -1),
        ("popularity/popularity_rows.npy", 5, 12),
        ("popularity/popularity_offsets.npy", 1, -1),
        ("items/id_offsets.npy", 2, 0),
        ("items/title_offsets.npy", -1, 1),
        ("items/sorted_key_rows.npy", 0, 99),
        ("items/sorted_keys.npy", 0, 2**64 - 1),
        ("items/keys.npy", 0, 0),
        ("items/keys.npy", -1, 7),
        ("items/flags.npy", 0, 8),
        ("items/flags.npy", -1, 1),
        ("items/category.npy", 0, 3),
        ("items/category.npy", 0, -2),
        ("items/category.npy", 0, 1),
        ("items/brand.npy", 0, 2),
        ("ann/ann_links.npy", 0, 12),
        ("ann/ann_links.npy", 0, -2),
        ("ann/upper_rows.npy", 0, 12),
        ("ann/upper_rows.npy", 0, -1),
        ("ann/upper_links.npy", 0, 9_999),
        ("ann/upper_down.npy", 0, 9_999),
        ("ann/upper_down.npy", 0, 0),
        ("ann/unreached_rows.npy", 0, -1),
        ("ann/unreached_rows.npy", 1, 12),
        ("ann/unreached_rows.npy", 0, 3),
    ],
)
def test_values_that_would_lead_a_kernel_astray_are_refused(
    tmp_path: Path, path: str, at: int, value: object
) -> None:
    contents = _changed(small_contents(SmallNames.make(12, 3, 2), spare_rows=4), path, at, value)
    release = ReleaseWriter(tmp_path).write(contents)
    with pytest.raises(ReleaseRefused) as refusal:
        verify_release(release)
    assert refusal.value.reason == "RELEASE_SHAPE"
    assert Path(refusal.value.metadata["file"]).parent == Path(path).parent


@pytest.mark.parametrize(
    ("path", "change", "reason"),
    [
        (MODEL_CONFIG_PATH, {"user_blocks": [["age_bucket", 8]]}, "RELEASE_SCHEMA"),
        (MODEL_CONFIG_PATH, {"cross_features": ["source_count"]}, "RELEASE_SCHEMA"),
        (MODEL_CONFIG_PATH, {"ann_metric": "l2"}, "RELEASE_CORRUPT"),
        (MODEL_CONFIG_PATH, {"dot_scale": None}, "RELEASE_CORRUPT"),
        (VOCABULARIES_PATH, {"categories": ["b", "a", "c"]}, "RELEASE_SHAPE"),
        (VOCABULARIES_PATH, {"brands": 3}, "RELEASE_SHAPE"),
    ],
)
def test_json_that_does_not_fit_this_server_is_refused(
    tmp_path: Path, path: str, change: dict[str, object], reason: str
) -> None:
    contents = small_contents(SmallNames.make(12, 3, 2), spare_rows=4)
    value = contents.json_files[path]
    assert isinstance(value, dict)
    json_files = {**contents.json_files, path: {**value, **change}}
    release = ReleaseWriter(tmp_path).write(dataclasses.replace(contents, json_files=json_files))
    with pytest.raises(ReleaseRefused) as refusal:
        verify_release(release)
    assert refusal.value.reason == reason
