"""The only module that imports usearch: maps an ANN index file without what a server does not need.

Importing usearch 2.26 and then ONNX Runtime 1.32 kills the process, while the other order works. So where ONNX
Runtime is installed (a training machine; a server has none) it is loaded here first. All code that builds or reads
an index takes ``Index`` from here.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

if importlib.util.find_spec("onnxruntime") is not None:
    importlib.import_module("onnxruntime")

from usearch.index import Index

__all__ = ["AnnHeader", "Index", "read_ann_header", "touch_pages", "view_ann_index"]

_PAGE_BYTES = 4096
_TOUCHED_BYTES = 16 << 20
_NODES_BETWEEN_PAUSES = 4096
_PAUSE_S = 0.002
"""A millisecond of work, then two of rest: a switch takes a second longer, and no request waits for more than that."""


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

    prefault: reads the pages in first. behind: with pauses, for what serves meanwhile. Its key table is left out: it is
    the one part that usearch builds on the heap of every process, and only looking up and removing keys needs it.
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
        touch_pages(content, behind=behind)
    # usearch looks at every node with the interpreter's lock held, 30 ms a million nodes, unless it is to tell how far it
    # is: that makes it four times as long, but requests get their turns.
    index.view(content.data, progress=_give_way if behind else None)
    # What is viewed must live as long as what views it.
    index.__dict__["content"] = content
    return index


def touch_pages(content: NDArray[np.uint8], *, behind: bool = False) -> None:
    """Reads one byte of every page, without the interpreter's lock, so that no request waits for the disk.

    behind: with pauses, in which what serves has the core.
    """
    for start in range(0, len(content), _TOUCHED_BYTES):
        content[start : start + _TOUCHED_BYTES : _PAGE_BYTES].max(initial=0)
        if behind:
            time.sleep(_PAUSE_S)


def _give_way(done: int, of: int) -> bool:
    if not done % _NODES_BETWEEN_PAUSES:
        time.sleep(_PAUSE_S)
    return True


# usearch compares the annotations with the types themselves, which `from __future__ import annotations` makes text of.
_give_way.__annotations__ = {"done": int, "of": int, "return": bool}
