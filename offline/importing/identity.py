"""Ids for events that have none: a hash of the whole row and, from the second equal row of a file on, its number."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray


class RowIds:
    """Gives the rows of one file their ids.

    Equal rows of one file are different events (`h-<hash>`, `h-<hash>-1`, ...); the same row in another file, or in
    the same file imported again, is the same event. Holds 8 bytes for each row seen.
    """

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []

    def assign(self, row_texts: pa.Array) -> pa.Array:
        """Returns an id for each row of the next chunk."""
        digests = [xxhash.xxh3_128_digest(text.encode()) for text in row_texts.to_pylist()]
        low = np.frombuffer(b"".join(d[-8:] for d in digests), ">u8").astype(np.uint64)
        occurrence = self._occurrences(low)
        return pa.array(
            [f"h-{d.hex()}-{n}" if n else f"h-{d.hex()}" for d, n in zip(digests, occurrence, strict=True)],
            pa.string(),
        )

    def _occurrences(self, hashes: NDArray[np.uint64]) -> list[int]:
        """Returns how many equal hashes came before each, in this chunk and in the earlier ones."""
        order = np.argsort(hashes, kind="stable")
        run = hashes[order]
        counts = np.empty(len(run), np.int64)
        counts[order] = np.arange(len(run)) - np.searchsorted(run, run, "left")
        for earlier in self._runs:
            counts += np.searchsorted(earlier, hashes, "right") - np.searchsorted(earlier, hashes, "left")
        self._add(run)
        return [int(n) for n in counts]

    def _add(self, run: NDArray[np.uint64]) -> None:
        """Keeps runs of falling size, so that there are only a few to look in."""
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
