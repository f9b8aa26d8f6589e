"""A release's arrays as a server holds them: one attribute a file, mapped, never read into memory."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from server.releases.format import ARRAY_FILES, MODEL_WEIGHTS
from server.releases.layout import weight_path

_PAGE_BYTES = 4096
_TOUCHED_BYTES = 16 << 20
_PAUSE_S = 0.002
"""A millisecond of work, then two of rest: a switch takes a second longer, and no request waits for more than that."""


@dataclass(frozen=True, slots=True)
class ReleaseArrays:
    """format.ARRAY_FILES by name. Mutable ones are copy-on-write: what the overlay writes stays in this process.

    title_bits, history_bits: the bits of title_embeddings and history_embeddings, as kernels take them.
    """

    id_bytes: NDArray[np.uint8]
    id_offsets: NDArray[np.int64]
    title_bytes: NDArray[np.uint8]
    title_offsets: NDArray[np.int64]
    sorted_keys: NDArray[np.uint64]
    sorted_key_rows: NDArray[np.int32]
    keys: NDArray[np.uint64]
    category: NDArray[np.int32]
    brand: NDArray[np.int32]
    price: NDArray[np.float32]
    flags: NDArray[np.uint8]
    added_time_s: NDArray[np.int64]
    expire_time_s: NDArray[np.int64]
    view_count_7d: NDArray[np.float32]
    purchase_count_7d: NDArray[np.float32]
    avg_rating: NDArray[np.float32]
    num_ratings: NDArray[np.float32]
    trending_score: NDArray[np.float32]
    item_vectors: NDArray[np.float32]
    history_embeddings: NDArray[np.float16]
    title_embeddings: NDArray[np.float16]
    image_embeddings: NDArray[np.float32]
    neighbour_offsets: NDArray[np.int64]
    neighbour_rows: NDArray[np.int32]
    neighbour_codes: NDArray[np.uint8]
    neighbour_scales: NDArray[np.float32]
    popularity_offsets: NDArray[np.int64]
    popularity_rows: NDArray[np.int32]
    popularity_scores: NDArray[np.float32]
    ann_codes: NDArray[np.int8]
    ann_links: NDArray[np.int32]
    upper_rows: NDArray[np.int32]
    upper_links: NDArray[np.int32]
    upper_down: NDArray[np.int32]
    unreached_rows: NDArray[np.int32]
    idf: NDArray[np.float32]
    projection: NDArray[np.float32]
    title_bits: NDArray[np.uint16] = field(init=False)
    history_bits: NDArray[np.uint16] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "title_bits", self.title_embeddings.view(np.uint16))
        object.__setattr__(self, "history_bits", self.history_embeddings.view(np.uint16))


def map_arrays(release_dir: Path) -> ReleaseArrays:
    """Returns the arrays of a verified release."""
    mapped = {file.name: _map(release_dir / file.path, mutable=file.mutable) for file in ARRAY_FILES}
    # The dtypes are those of ARRAY_FILES, which the verifier has held the files to.
    return ReleaseArrays(**mapped)  # type: ignore[arg-type]


def map_published_titles(release_dir: Path) -> NDArray[np.float16]:
    """Returns title_embeddings as published, float16[N, T], whatever the overlay does to its own mapping."""
    file = next(file for file in ARRAY_FILES if file.name == "title_embeddings")
    return np.asarray(_map(release_dir / file.path, mutable=False), np.float16)


def load_weights(release_dir: Path) -> dict[str, NDArray[np.float32]]:
    """Returns the model's weights by name, in memory and read-only: they are small and always hot."""
    weights: dict[str, NDArray[np.float32]] = {}
    for name in MODEL_WEIGHTS:
        array = np.load(release_dir / weight_path(name), allow_pickle=False)
        array.flags.writeable = False
        weights[name] = array
    return weights


def read_ahead(release_dir: Path) -> None:
    """Asks for every file to be read into the machine's memory; returns before all of it is."""
    for path in release_dir.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
            finally:
                os.close(descriptor)


def prefault(arrays: ReleaseArrays, *, behind: bool = False) -> None:
    """Touches every page, so that the first requests after a swap do not wait for the disk. behind: see _touch_pages."""
    for file in ARRAY_FILES:
        array: NDArray[np.generic] = getattr(arrays, file.name)
        _touch_pages(array.reshape(-1).view(np.uint8), behind=behind)


def _touch_pages(content: NDArray[np.uint8], *, behind: bool) -> None:
    """Reads one byte of every page, without the interpreter's lock, so that no request waits for the disk.

    behind: with pauses, in which what serves has the core.
    """
    for start in range(0, len(content), _TOUCHED_BYTES):
        content[start : start + _TOUCHED_BYTES : _PAGE_BYTES].max(initial=0)
        if behind:
            time.sleep(_PAUSE_S)


def _map(path: Path, *, mutable: bool) -> NDArray[np.generic]:
    if mutable:
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    else:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    # The memmap class runs Python code at every slice; a plain array over the same pages does not.
    plain: NDArray[np.generic] = array.view(np.ndarray)
    return plain
