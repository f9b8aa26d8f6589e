"""What the values of a release's arrays must satisfy, so that no kernel ever follows a wrong row or offset."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.errors import ReleaseRefused
from server.releases.format import POPULARITY_LISTS_PATH, VOCABULARIES_PATH, ItemFlag
from server.releases.manifest import Manifest

CHECKS = 2
"""The number of the checks here and in verify.py: one more whenever they change, so that no older stamp stands for them."""
_CHUNK_ROWS = 1 << 20


def check_contents(release_dir: Path, manifest: Manifest, *, lists: object, vocabularies: object) -> None:
    """Raises ReleaseRefused naming the first file whose values do not fit the others."""
    _check_offsets(release_dir)
    _check_rows(release_dir, manifest)
    _check_keys(release_dir, manifest)
    _check_vacancy(release_dir, manifest)
    _check_vocabularies(release_dir, manifest, vocabularies)
    _check_lists(release_dir, lists)


def _load(release_dir: Path, path: str) -> NDArray[np.generic]:
    array: NDArray[np.generic] = np.load(release_dir / path, allow_pickle=False)
    return array


def _length(release_dir: Path, path: str) -> int:
    with (release_dir / path).open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, _ = np.lib.format.read_array_header_1_0(file)
    return int(shape[0])


def _chunks(release_dir: Path, path: str) -> Iterator[NDArray[np.generic]]:
    """Yields a one-dimensional array in pieces: a neighbour table need not fit into spare memory."""
    with (release_dir / path).open("rb") as file:
        np.lib.format.read_magic(file)
        _, _, dtype = np.lib.format.read_array_header_1_0(file)
        while content := file.read(_CHUNK_ROWS * dtype.itemsize):
            yield np.frombuffer(content, dtype)


_OFFSETS = (
    ("items/id_offsets.npy", "items/id_bytes.npy"),
    ("items/title_offsets.npy", "items/title_bytes.npy"),
    ("neighbours/neighbour_offsets.npy", "neighbours/neighbour_rows.npy"),
    ("neighbours/neighbour_offsets.npy", "neighbours/neighbour_codes.npy"),
    ("popularity/popularity_offsets.npy", "popularity/popularity_rows.npy"),
    ("popularity/popularity_offsets.npy", "popularity/popularity_scores.npy"),
)


def _check_offsets(release_dir: Path) -> None:
    for path, values_path in _OFFSETS:
        offsets = _load(release_dir, path).astype(np.int64, copy=False)
        if offsets[0] != 0 or np.any(offsets[1:] < offsets[:-1]):
            raise _refused(path, "does not start at 0 or does not rise")
        if offsets[-1] != _length(release_dir, values_path):
            raise _refused(path, f"does not end at the length of {values_path}")


def _check_rows(release_dir: Path, manifest: Manifest) -> None:
    for path in ("neighbours/neighbour_rows.npy", "popularity/popularity_rows.npy"):
        for rows in _chunks(release_dir, path):
            _check_range(path, rows, 0, manifest.item_count)
    for links in _chunks(release_dir, "ann/ann_links.npy"):
        _check_range("ann/ann_links.npy", links, -1, manifest.item_count)
    _check_upper_layers(release_dir, manifest)
    unreached = _load(release_dir, "ann/unreached_rows.npy").astype(np.int32, copy=False)
    _check_range("ann/unreached_rows.npy", unreached, 0, manifest.item_count)
    if np.any(unreached[1:] <= unreached[:-1]):
        raise _refused("ann/unreached_rows.npy", "does not rise, or holds a row twice")


def _check_upper_layers(release_dir: Path, manifest: Manifest) -> None:
    rows = _load(release_dir, "ann/upper_rows.npy")
    _check_range("ann/upper_rows.npy", rows, 0, manifest.item_count)
    _check_range("ann/upper_links.npy", _load(release_dir, "ann/upper_links.npy"), -1, len(rows))
    down = _load(release_dir, "ann/upper_down.npy").astype(np.int32, copy=False)
    _check_range("ann/upper_down.npy", down, -1, len(rows))
    if np.any((down >= 0) & (down <= np.arange(len(down)))):
        raise _refused("ann/upper_down.npy", "does not lead downwards")


def _check_keys(release_dir: Path, manifest: Manifest) -> None:
    sorted_keys = _load(release_dir, "items/sorted_keys.npy").astype(np.uint64, copy=False)
    if np.any(sorted_keys[1:] <= sorted_keys[:-1]):
        raise _refused("items/sorted_keys.npy", "does not rise, or holds a key twice")
    rows = _load(release_dir, "items/sorted_key_rows.npy").astype(np.int32, copy=False)
    _check_range("items/sorted_key_rows.npy", rows, 0, manifest.item_count)
    keys = _load(release_dir, "items/keys.npy")
    if not np.array_equal(keys[rows], sorted_keys):
        raise _refused("items/sorted_key_rows.npy", "does not lead to the same keys in items/keys.npy")
    if np.any(keys[: manifest.item_count] == 0) or np.any(keys[manifest.item_count :]):
        raise _refused("items/keys.npy", "has a zero key in use, or a key in a vacant row")


def _check_vacancy(release_dir: Path, manifest: Manifest) -> None:
    flags = _load(release_dir, "items/flags.npy").astype(np.uint8, copy=False)
    vacant = (flags & ItemFlag.VACANT) != 0
    if np.any(vacant[: manifest.item_count]) or not np.all(vacant[manifest.item_count :]):
        raise _refused("items/flags.npy", "marks other rows vacant than the spare ones")


def _check_vocabularies(release_dir: Path, manifest: Manifest, vocabularies: object) -> None:
    if not isinstance(vocabularies, dict) or set(vocabularies) != {"categories", "brands"}:
        raise _refused(VOCABULARIES_PATH, "does not hold categories and brands")
    for column, names in (("category", vocabularies["categories"]), ("brand", vocabularies["brands"])):
        if not isinstance(names, list) or any(not isinstance(name, str) for name in names):
            raise _refused(VOCABULARIES_PATH, f"does not list names for {column}")
        if any(a >= b for a, b in pairwise(names)):
            raise _refused(VOCABULARIES_PATH, f"does not list {column} names in ascending order, each once")
        path = f"items/{column}.npy"
        codes = _load(release_dir, path).astype(np.int32, copy=False)[: manifest.item_count]
        _check_range(path, codes, -1, len(names))
        if column == "category":
            _check_grouping(path, codes)


def _check_grouping(path: str, codes: NDArray[np.int32]) -> None:
    if not codes.size:
        return
    starts = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
    if len(starts) != len(np.unique(codes)):
        raise _refused(path, "does not group its rows by category")


def _check_lists(release_dir: Path, lists: object) -> None:
    if not isinstance(lists, list) or any(not isinstance(name, str) for name in lists):
        raise _refused(POPULARITY_LISTS_PATH, "is not a list of names")
    if len(set(lists)) != len(lists):
        raise _refused(POPULARITY_LISTS_PATH, "names a list twice")
    if len(lists) + 1 != _length(release_dir, "popularity/popularity_offsets.npy"):
        raise _refused(POPULARITY_LISTS_PATH, "does not name each list of popularity_offsets.npy")


def _check_range(path: str, values: NDArray[Any], low: int, stop: int) -> None:
    if values.size and (int(values.min()) < low or int(values.max()) >= stop):
        raise _refused(path, f"holds a value outside {low}..{stop - 1}")


def _refused(path: str, what: str) -> ReleaseRefused:
    return ReleaseRefused(f"{path} {what}", reason="RELEASE_SHAPE", metadata={"file": path})
