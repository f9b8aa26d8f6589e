"""Writes a release: all of it under its final name, or nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from server.errors import ContractBroken, Refused
from server.features.declarations import schema_hash
from server.releases.durable_files import (
    HashingWriter,
    bytes_write,
    exclusive,
    file_write,
    sync_directory,
    sync_tree,
    write_file,
)
from server.releases.format import (
    CURRENT_LINK,
    FORMAT_VERSION,
    MANIFEST_NAME,
    MODEL_CONFIG_PATH,
    ONNX_PATHS,
    POPULARITY_LISTS_PATH,
    TEXT_ENCODER_CONFIG_PATH,
    VOCABULARIES_PATH,
)
from server.releases.layout import find_shape_errors, known_array_paths
from server.releases.manifest import FileEntry, Manifest, TrainingWindow, manifest_to_bytes

TEMPORARY_PREFIX = ".writing-"
PREVIOUS_LINK = "previous"
JSON_PATHS = (MODEL_CONFIG_PATH, POPULARITY_LISTS_PATH, VOCABULARIES_PATH, TEXT_ENCODER_CONFIG_PATH)
BINARY_PATHS = ONNX_PATHS
_VERSION_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ReleaseContents:
    """All that a release is made of.

    arrays: by path, all of format.ARRAY_FILES and ``models/weights/<name>.npy`` of MODEL_WEIGHTS.
    json_files: by path, all of JSON_PATHS. binary_files: by path, all of BINARY_PATHS, as content or as a
    file to copy. version: also the directory's name; letters, digits, ``. _ -``, at most 64.
    """

    arrays: Mapping[str, NDArray[np.generic]]
    json_files: Mapping[str, object]
    binary_files: Mapping[str, bytes | Path]
    version: str
    created_time_s: int
    parent: str = ""
    overlay_sequence: int = 0
    image_dims: int = 0
    code_version: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    training_window: TrainingWindow = field(default_factory=TrainingWindow)


class ReleaseWriter:
    """Publishes releases into one directory. Does not activate them."""

    def __init__(self, releases_dir: Path) -> None:
        self._releases_dir = releases_dir

    def write(self, contents: ReleaseContents) -> Path:
        """Returns the new release's directory.

        Raises ContractBroken when the contents do not fit format.py, Refused when the version exists, OSError
        when the disk fails. After any failure, a crash included, no directory of the version's name exists;
        what a crashed writer left is removed by the next one.
        """
        _check(contents)
        with exclusive(self._releases_dir):
            self._remove_leftovers()
            final = self._releases_dir / contents.version
            if final.exists():
                raise Refused(f"release {contents.version} exists already", reason="RELEASE_EXISTS")
            temporary = self._releases_dir / f"{TEMPORARY_PREFIX}{contents.version}"
            try:
                _write_all(temporary, contents)
                os.rename(temporary, final)
            except BaseException:
                # After a failed fsync nothing is known of the file's pages: abandon it, never sync it again.
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            sync_directory(self._releases_dir)
            return final

    def _remove_leftovers(self) -> None:
        for leftover in self._releases_dir.glob(f"{TEMPORARY_PREFIX}*"):
            shutil.rmtree(leftover)
        for name in (CURRENT_LINK, PREVIOUS_LINK):
            for link in self._releases_dir.glob(f".{name}-*"):
                link.unlink()


def _write_all(root: Path, contents: ReleaseContents) -> None:
    files: dict[str, FileEntry] = {}
    for path, array in sorted(contents.arrays.items()):
        files[path] = write_file(root / path, _array_write(array))
    for path, value in sorted(contents.json_files.items()):
        encoded = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        files[path] = write_file(root / path, bytes_write(encoded))
    for path, content in sorted(contents.binary_files.items()):
        write = file_write(content) if isinstance(content, Path) else bytes_write(content)
        files[path] = write_file(root / path, write)
    manifest = manifest_to_bytes(_manifest(contents, files))
    write_file(root / MANIFEST_NAME, bytes_write(manifest))
    sync_tree(root)


def _array_write(array: NDArray[np.generic]) -> Callable[[HashingWriter], None]:
    def write(sink: HashingWriter) -> None:
        np.lib.format.write_array(sink, np.ascontiguousarray(array), allow_pickle=False)

    return write


def _sizes(contents: ReleaseContents) -> tuple[int, int]:
    """Returns the item count and the capacity, as two of the arrays say; all others are held to them."""
    return len(contents.arrays["items/sorted_keys.npy"]), len(contents.arrays["items/keys.npy"])


def _manifest(contents: ReleaseContents, files: Mapping[str, FileEntry]) -> Manifest:
    item_count, capacity = _sizes(contents)
    return Manifest(
        format_version=FORMAT_VERSION,
        version=contents.version,
        parent=contents.parent,
        created_time_s=contents.created_time_s,
        code_version=contents.code_version,
        schema_hash=schema_hash(),
        item_count=item_count,
        capacity=capacity,
        image_dims=contents.image_dims,
        overlay_sequence=contents.overlay_sequence,
        training_window=contents.training_window,
        metrics={name: float(value) for name, value in contents.metrics.items()},
        files=files,
    )


def _check(contents: ReleaseContents) -> None:
    reserved = (CURRENT_LINK, PREVIOUS_LINK)
    if not _VERSION_PATTERN.fullmatch(contents.version) or contents.version in reserved:
        raise ContractBroken(f"{contents.version!r} cannot name a release")
    for kind, given, wanted in (
        ("array", set(contents.arrays), set(known_array_paths())),
        ("JSON file", set(contents.json_files), set(JSON_PATHS)),
        ("binary file", set(contents.binary_files), set(BINARY_PATHS)),
    ):
        for path in sorted(wanted - given):
            raise ContractBroken(f"{kind} {path} is missing")
        for path in sorted(given - wanted):
            raise ContractBroken(f"{kind} {path} is not part of the release format")
    item_count, capacity = _sizes(contents)
    found = {path: (array.dtype, array.shape) for path, array in contents.arrays.items()}
    errors = find_shape_errors(
        found, item_count=item_count, capacity=capacity, image_dims=contents.image_dims
    )
    for path, what in errors:
        raise ContractBroken(f"{path} {what}")
