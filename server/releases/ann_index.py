"""The only module that imports usearch: maps an ANN index file without what a server does not need.

Importing usearch 2.26 and then ONNX Runtime 1.32 kills the process, while the other order works. So where ONNX
Runtime is installed (a training machine; a server has none) it is loaded here first. All code that builds or reads
an index takes ``Index`` from here.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

if importlib.util.find_spec("onnxruntime") is not None:
    importlib.import_module("onnxruntime")

from usearch.index import Index

__all__ = ["AnnHeader", "Index", "read_ann_header", "touch_pages", "view_ann_index"]

_PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class AnnHeader:
    """What an index file says of itself. metric: ``cos``, ``ip``, ...; entries: without those deleted."""

    dims: int
    metric: str
    entries: int
    deleted: int


def read_ann_header(path: Path) -> AnnHeader | None:
    """Returns the header, or None when the file is not an index. The file's hash must have been checked before."""
    try:
        header = Index.metadata(path)
    except (RuntimeError, ValueError):
        return None
    if not header:
        return None
    return AnnHeader(
        dims=int(header["dimensions"]),
        metric=str(header["kind_metric"].name).lower(),
        entries=int(header["count_present"]),
        deleted=int(header["count_deleted"]),
    )


def view_ann_index(
    path: Path, expansion_search: int, *, prefault: bool = False, behind: bool = False
) -> Index:
    """Maps an index, so that all workers share its pages.

    prefault: reads the pages in first. behind: lets other threads have the interpreter in between. Its key table is left
    out: it is the one part that usearch builds on the heap of every process, and only looking up and removing keys
    needs it.
    """
    header = Index.metadata(path)
    if header is None:
        raise ValueError(f"{path.name} is not a usearch index")
    index = Index(
        ndim=header["dimensions"],
        metric=header["kind_metric"],
        dtype=header["kind_scalar"],
        expansion_search=expansion_search,
        enable_key_lookups=False,
    )
    content = np.memmap(path, np.uint8, "r").view(np.ndarray)
    if prefault:
        touch_pages(content)
    # usearch looks at every node with the interpreter's lock held, 30 ms a million, unless it is asked to tell how far
    # it is: then the lock changes hands at each of the calls, which make it four times as long.
    index.view(content.data, progress=_go_on if behind else None)
    # What is viewed must live as long as what views it.
    index.__dict__["content"] = content
    return index


def touch_pages(content: NDArray[np.uint8]) -> None:
    """Reads one byte of every page, without the interpreter's lock, so that no request waits for the disk."""
    content[::_PAGE_BYTES].max(initial=0)


def _go_on(done: int, of: int) -> bool:
    return True


# usearch compares the annotations with the types themselves, which `from __future__ import annotations` makes text of.
_go_on.__annotations__ = {"done": int, "of": int, "return": bool}
