"""Decides whether a release may be mapped. Reads files, never maps them.

A short .npy file kills the process at the first touch of a missing page, and a wrong link may lead anywhere; so every
byte is hashed first, and then what the bytes mean is checked. Files that have not changed since this was last done on
this machine are not read again (see verified_stamp).
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import orjson

from server.errors import ReleaseRefused
from server.features.declarations import schema_hash
from server.releases.check_contents import CHECKS, check_contents
from server.releases.durable_files import hash_files, run_behind
from server.releases.format import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    MODEL_CONFIG_PATH,
    POPULARITY_LISTS_PATH,
    TEXT_ENCODER_CONFIG_PATH,
    VOCABULARIES_PATH,
)
from server.releases.layout import find_shape_errors, is_plain_path, known_array_paths
from server.releases.manifest import MANIFEST_BYTES_MAX, Manifest, manifest_from_bytes
from server.releases.model_config import ModelConfig, model_config_from_json
from server.releases.verified_stamp import Stamp, one_at_a_time
from server.releases.writer import BINARY_PATHS, JSON_PATHS

_NPY_HEADER_BYTES_MAX = 10_000


def read_manifest(release_dir: Path) -> Manifest:
    """Returns the manifest of a directory. Raises ReleaseRefused when there is none or it is not whole."""
    path = release_dir / MANIFEST_NAME
    try:
        if path.stat().st_size > MANIFEST_BYTES_MAX:
            raise refused(MANIFEST_NAME, "is too large", "RELEASE_CORRUPT")
        content = path.read_bytes()
    except OSError as error:
        raise refused(MANIFEST_NAME, f"cannot be read: {error.strerror}", "RELEASE_CORRUPT") from error
    return manifest_from_bytes(content)


def verify_release(release_dir: Path, *, again: bool = False, behind: bool = False) -> Manifest:
    """Returns the manifest of a release that is whole, consistent and fit for this server.

    again: hashes every file, also what was verified before and has not changed since. behind: hashing gives way to
    whatever else the machine does.
    Raises ReleaseRefused, whose message and metadata name the file. Reasons: RELEASE_CORRUPT (a byte, a size or
    a value), RELEASE_FORMAT (another format version), RELEASE_SCHEMA (other features or model inputs),
    RELEASE_SHAPE (dtypes, dimensions and lengths that do not agree).
    """
    manifest = read_manifest(release_dir)
    if manifest.format_version != FORMAT_VERSION:
        what = f"has format version {manifest.format_version}; this server reads {FORMAT_VERSION}: publish it anew"
        raise refused(MANIFEST_NAME, what, "RELEASE_FORMAT")
    if manifest.schema_hash != schema_hash():
        what = "was built from other feature declarations than this server's"
        raise refused(MANIFEST_NAME, what, "RELEASE_SCHEMA")
    if manifest.version != release_dir.resolve().name:
        raise refused(MANIFEST_NAME, f"belongs to release {manifest.version!r}", "RELEASE_CORRUPT")
    _check_sizes(release_dir, manifest)
    with one_at_a_time(release_dir.resolve().parent):
        stamp = Stamp.take(release_dir, manifest.files, CHECKS)
        if again or stamp is None or not stamp.is_kept():
            if stamp is not None:
                stamp.drop()
            _check_hashes(release_dir, manifest, behind=behind)
            if behind:
                run_behind(lambda: _check_meaning(release_dir, manifest))
            else:
                _check_meaning(release_dir, manifest)
            if stamp is not None:
                stamp.keep()
    return manifest


def _check_meaning(release_dir: Path, manifest: Manifest) -> None:
    _check_shapes(release_dir, manifest)
    config = read_model_config(release_dir)
    if config.image_dims != manifest.image_dims:
        raise refused(MODEL_CONFIG_PATH, "has other image_dims than the manifest", "RELEASE_SHAPE")
    check_contents(
        release_dir,
        manifest,
        lists=read_json(release_dir, POPULARITY_LISTS_PATH),
        vocabularies=read_json(release_dir, VOCABULARIES_PATH),
    )
    _check_text_encoder(release_dir)


def read_model_config(release_dir: Path) -> ModelConfig:
    """Returns model.json's content. Raises ReleaseRefused when it does not fit this server."""
    return model_config_from_json(read_json(release_dir, MODEL_CONFIG_PATH))


def read_json(release_dir: Path, path: str) -> object:
    """Returns a JSON file's value. Raises ReleaseRefused when it is not JSON."""
    try:
        value: object = orjson.loads((release_dir / path).read_bytes())
    except (OSError, ValueError) as error:
        raise refused(path, f"is not JSON: {error}", "RELEASE_CORRUPT") from error
    return value


def refused(path: str, what: str, reason: str) -> ReleaseRefused:
    """Returns the error that names a file and what is wrong with it."""
    return ReleaseRefused(f"{path} {what}", reason=reason, metadata={"file": path})


def _check_sizes(release_dir: Path, manifest: Manifest) -> None:
    wanted = known_array_paths() | set(JSON_PATHS) | set(BINARY_PATHS)
    for path in sorted(wanted - set(manifest.files)):
        raise refused(path, "is missing from the manifest", "RELEASE_CORRUPT")
    for path, entry in sorted(manifest.files.items()):
        if not is_plain_path(path):
            raise refused(path, "is not a path inside the release", "RELEASE_CORRUPT")
        try:
            size = (release_dir / path).stat().st_size
        except OSError as error:
            raise refused(path, f"cannot be read: {error.strerror}", "RELEASE_CORRUPT") from error
        if size != entry.size:
            raise refused(path, f"has {size} bytes; the manifest says {entry.size}", "RELEASE_CORRUPT")


def _check_hashes(release_dir: Path, manifest: Manifest, *, behind: bool) -> None:
    # The longest first, so that no thread is left with it at the end.
    files = sorted(manifest.files.items(), key=lambda file: -file[1].size)
    # Closed here and not by the garbage collector, which may run while a thread starts and would wait for threads that end.
    with closing(hash_files([release_dir / path for path, _ in files], behind=behind)) as hashes:
        for path, entry in files:
            try:
                found = next(hashes)
            except OSError as error:
                raise refused(path, f"cannot be read: {error.strerror}", "RELEASE_CORRUPT") from error
            if found != entry:
                raise refused(path, "does not match its SHA-256", "RELEASE_CORRUPT")


def _check_shapes(release_dir: Path, manifest: Manifest) -> None:
    if not 0 <= manifest.item_count <= manifest.capacity < 2**31:
        raise refused(MANIFEST_NAME, "has an impossible item count or capacity", "RELEASE_SHAPE")
    found = {path: _read_header(release_dir, path) for path in known_array_paths()}
    errors = find_shape_errors(
        found,
        item_count=manifest.item_count,
        capacity=manifest.capacity,
        image_dims=manifest.image_dims,
    )
    for path, what in errors:
        raise refused(path, what, "RELEASE_SHAPE")


def _read_header(release_dir: Path, path: str) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    """Returns an array's dtype and shape from its header; holds the file's length to them."""
    with (release_dir / path).open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"npy version {version}")
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file, _NPY_HEADER_BYTES_MAX)
        except (ValueError, EOFError) as error:
            raise refused(path, f"is not a NumPy array: {error}", "RELEASE_CORRUPT") from error
        content_bytes = (release_dir / path).stat().st_size - file.tell()
    if fortran_order and len(shape) > 1:
        raise refused(path, "is not in row-major order", "RELEASE_SHAPE")
    if content_bytes != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
        raise refused(path, "is not as long as its header says", "RELEASE_CORRUPT")
    return dtype, shape


def _check_text_encoder(release_dir: Path) -> None:
    config = read_json(release_dir, TEXT_ENCODER_CONFIG_PATH)
    if not isinstance(config, dict):
        raise refused(TEXT_ENCODER_CONFIG_PATH, "is not an object", "RELEASE_CORRUPT")
    _, shape = _read_header(release_dir, "text_encoder/idf.npy")
    if config.get("buckets") != shape[0]:
        raise refused(TEXT_ENCODER_CONFIG_PATH, "has other buckets than idf.npy", "RELEASE_SHAPE")
