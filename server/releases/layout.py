"""Binds the symbols of format.ARRAY_FILES to numbers: the shape check that writer and verifier share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import numpy as np

from server.features.declarations import TITLE_DIMS, VECTOR_DIMS
from server.releases.format import ARRAY_FILES, MODEL_WEIGHTS
from server.releases.model_config import weight_shapes

WEIGHTS_DIR = "models/weights"


def weight_path(name: str) -> str:
    """Returns the file of one of MODEL_WEIGHTS."""
    return f"{WEIGHTS_DIR}/{name}.npy"


def known_array_paths() -> frozenset[str]:
    """Returns the paths of all arrays that a release has."""
    weights = (weight_path(name) for name in MODEL_WEIGHTS)
    return frozenset((*(file.path for file in ARRAY_FILES), *weights))


def find_shape_errors(
    found: Mapping[str, tuple[np.dtype[np.generic], tuple[int, ...]]],
    *,
    item_count: int,
    capacity: int,
    image_dims: int,
) -> Iterable[tuple[str, str]]:
    """Yields (path, what is wrong) for each array whose dtype or shape does not fit the others.

    found: dtype and shape by path, for all of known_array_paths(). A symbol that the arguments do not give
    takes the value of the file in which it stands first.
    """
    symbols = {
        "I": item_count,
        "I+1": item_count + 1,
        "N": capacity,
        "V": VECTOR_DIMS,
        "T": TITLE_DIMS,
        "M": image_dims,
    }
    for file in ARRAY_FILES:
        dtype, shape = found[file.path]
        if dtype != np.dtype(file.dtype):
            yield file.path, f"has dtype {dtype}, not {file.dtype}"
        elif len(shape) != len(file.shape):
            yield file.path, f"has {len(shape)} dimensions, not {len(file.shape)}"
        else:
            wanted = tuple(symbols.setdefault(s, size) for s, size in zip(file.shape, shape, strict=True))
            if shape != wanted:
                yield file.path, f"has shape {shape}, not {wanted}"
    for name, wanted in weight_shapes(image_dims).items():
        path = weight_path(name)
        if found[path] != (np.dtype(np.float32), wanted):
            yield path, f"is {found[path][0]}{list(found[path][1])}, not float32{list(wanted)}"


def is_plain_path(path: str) -> bool:
    """Returns whether a path stays inside the release: relative, no ``..``, no empty part."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and str(PurePosixPath(path)) == path
