"""Builds the ANN index of a release: usearch HNSW over unit item vectors, int8, its keys are rows.

usearch scales each vector to its own length before it rounds to int8, so an int8 index ranks by cosine whatever
its metric is called; item vectors are of unit length for this reason. A large index is filled by as many threads as
there are cores, which loses a few nodes more and makes no two builds equal; a small one by one thread. Rows near each
other are near in memory when an index is filled in row order, which makes building and searching cheaper, but a graph
that is grown region by region loses items; so it is filled in passes over all rows, each of more than the one before,
and the first, in random order, is the skeleton that holds the regions together.

An item that no search finds could never be recommended, so that is checked: by a search for each item's own vector or,
where there are many items, by searches that show what else they find, until only those have to be looked for one by one
that none of them showed. Items that are lost are taken out and added again, now that the graph is whole, which links most of them anew in a moment; the few
that still are not found are named, for offline.ann_served to link them. To link the very last one by more
links for everybody would make every search twice as dear. Where they are more than a few all the same, the index is
built anew: those that were lost go in first, because the nodes that come early are linked best, and in the end every
node gets more links. Items whose vectors are equal in int8 crowd each other's links out, so from the second build on
such vectors are moved apart a little; scores that count are computed from the exact vectors.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.ann_check import find_missed
from offline.usearch_index import Index

Floats = NDArray[np.float32]
Progress = Callable[[float], None]
"""Called now and then with the share done, 0 to 1."""

_CHUNK_ROWS = 8_192


@dataclass(frozen=True, slots=True)
class AnnOptions:
    """Knobs of the index. connectivity: links a node; the rest is usearch's own words.

    found_among: places among which a search must find an item, or one with an equal vector; as many as a server asks for.
    Where they are more than a hundredth of the items, found_among_few decide: everything is among enough.
    attempts_max: builds before it is given up. patient_attempts: builds before the links are doubled each time.
    pass_shares: shares of the items, chosen at random, that are added before the others. parallel_items_min: vectors
    from which on several threads add them. spread: standard
    deviation, a component, by which equal vectors are moved apart. unreached_share_max: share of the items that may stay
    lost. relinks: how often the lost are added again. recall_queries, recall_count: see offline.ann_check.measure_recall().
    """

    connectivity: int = 16
    expansion_add: int = 64
    expansion_search: int = 64
    found_among: int = 200
    found_among_few: int = 20
    attempts_max: int = 6
    patient_attempts: int = 3
    pass_shares: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.3)
    parallel_items_min: int = 200_000
    spread: float = 0.01
    unreached_share_max: float = 0.0005
    relinks: int = 2
    recall_queries: int = 200
    recall_count: int = 200
    seed: int = 0

    def few(self, items: int) -> bool:
        """Returns whether found_among_few decide, and each item is searched for by itself."""
        return 100 * self.found_among > items

    def places(self, items: int) -> int:
        """Returns the number of places among which an item must be found."""
        return self.found_among_few if self.few(items) else self.found_among


@dataclass(frozen=True, slots=True)
class AnnReport:
    """What was built. unreached_rows: int32, ascending, those that usearch's search for their own vector misses."""

    items: int
    connectivity: int
    attempts: int
    unreached_rows: NDArray[np.int32]


class UnreachableItems(RuntimeError):
    """Too many items cannot be found in the index, however many links it is given."""


def build_ann_index(
    vectors: Floats, path: Path, options: AnnOptions | None = None, progress: Progress | None = None
) -> AnnReport:
    """Writes the index of vectors, float32[I, V], to a file; offline.ann_served makes of it what a server walks through.

    Raises UnreachableItems when too many items cannot be found after attempts_max builds.
    """
    options = options or AnnOptions()
    connectivity = options.connectivity
    ever_lost = np.empty(0, np.int64)
    for attempt in range(1, options.attempts_max + 1):
        placed = (
            vectors if attempt == 1 else _spread_equal(vectors, options.spread * (attempt - 1), options.seed)
        )
        order = _order(len(vectors), ever_lost, options)
        expansion_add = max(options.expansion_add * min(attempt, 2), 4 * connectivity)
        index = _build(placed, order, connectivity, expansion_add, options, progress)
        lost = _lost(index, placed, vectors, options)
        ever_lost = np.union1d(ever_lost, lost)
        if len(lost) <= _unreached_max(len(vectors), options):
            path.parent.mkdir(parents=True, exist_ok=True)
            index.save(str(path))
            return AnnReport(len(vectors), connectivity, attempt, lost.astype(np.int32))
        if attempt >= options.patient_attempts:
            connectivity *= 2
    raise UnreachableItems(f"{len(lost)} of {len(vectors)} items cannot be found in the ANN index")


def _unreached_max(items: int, options: AnnOptions) -> int:
    return int(options.unreached_share_max * items)


def _lost(index: Index, placed: Floats, vectors: Floats, options: AnnOptions) -> NDArray[np.int64]:
    """Adds what is not found once more, with twice the effort, while that is too much; returns the rows that are not found
    in the end."""
    lost = _not_found(index, vectors, options)
    index.expansion_add *= 2  # type: ignore[misc]
    for _ in range(options.relinks):
        if len(lost) <= _unreached_max(len(vectors), options):
            break
        index.remove(lost.astype(np.uint64))
        index.add(lost.astype(np.uint64), placed[lost], threads=_threads(len(vectors), options))
        # A node that is linked anew may cost another its links, so all are looked for again.
        lost = _not_found(index, vectors, options)
    return lost


def _not_found(index: Index, vectors: Floats, options: AnnOptions) -> NDArray[np.int64]:
    if options.few(len(vectors)):
        return find_lost(index, vectors, options.places(len(vectors)))
    return find_lost(index, vectors, options.places(len(vectors)), by_others=True)


def _threads(items: int, options: AnnOptions) -> int:
    return len(os.sched_getaffinity(0)) if items >= options.parallel_items_min else 1


def find_lost(index: Index, vectors: Floats, count: int, *, by_others: bool = False) -> NDArray[np.int64]:
    """Returns the rows that usearch's search for their own vector does not find among the best `count`; see find_missed()."""
    return find_missed(_IndexSearch(index), vectors, count, by_others=by_others)


@dataclass(frozen=True, slots=True)
class _IndexSearch:
    """What usearch finds."""

    index: Index

    def search(
        self, vectors: Floats, count: int, *, narrow: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See SearchesVectors."""
        width = self.index.expansion_search
        self.index.expansion_search = count if narrow else width  # type: ignore[misc]
        try:
            return _search(self.index, vectors, count)
        finally:
            self.index.expansion_search = width  # type: ignore[misc]


def _spread_equal(vectors: Floats, deviation: float, seed: int) -> Floats:
    """Returns the vectors, with noise on those that are equal to another in int8."""
    rounded = np.round(vectors * 127).astype(np.int8)
    _, group, sizes = np.unique(rounded, axis=0, return_inverse=True, return_counts=True)
    equal = np.flatnonzero(sizes[group.ravel()] > 1)
    spread = vectors.copy()
    noise = np.random.default_rng(seed).normal(0, deviation, (len(equal), vectors.shape[1]))
    spread[equal] += noise.astype(np.float32)
    return spread


def _order(count: int, first: NDArray[np.int64], options: AnnOptions) -> NDArray[np.int64]:
    """Returns the rows in the order in which they are added: `first`, then pass by pass, by row but in the first."""
    rest = np.ones(count, np.bool_)
    rest[first] = False
    shuffled = np.random.default_rng(options.seed).permutation(count)
    shuffled = shuffled[rest[shuffled]]
    edges = np.cumsum([int(count * share) for share in options.pass_shares])
    skeleton, *passes = np.split(shuffled, edges) if len(edges) else (shuffled[:0], shuffled)
    return np.concatenate((first, skeleton, *(np.sort(part) for part in passes)))


def _build(
    vectors: Floats,
    order: NDArray[np.int64],
    connectivity: int,
    expansion_add: int,
    options: AnnOptions,
    progress: Progress | None,
) -> Index:
    index = Index(
        ndim=vectors.shape[1],
        metric="cos",
        dtype="i8",
        connectivity=connectivity,
        expansion_add=expansion_add,
        expansion_search=options.expansion_search,
    )
    threads = _threads(len(vectors), options)
    for start in range(0, len(vectors), _CHUNK_ROWS):
        rows = order[start : start + _CHUNK_ROWS]
        index.add(rows.astype(np.uint64), vectors[rows], threads=threads)
        if progress is not None:
            progress((start + len(rows)) / len(vectors))
    return index


def _search(index: Index, vectors: Floats, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the keys found for each vector, int64[n, count], best first, and how many of a row's are valid."""
    # One vector gives matches of another type than several do.
    if len(vectors) == 1:
        keys = np.asarray(index.search(vectors[0], count, threads=1).keys, np.int64)
        return keys[None, :], np.array([len(keys)])
    matches = index.search(vectors, count)
    keys = np.asarray(matches.keys, np.int64)
    return keys, np.asarray(matches.counts, np.int64)  # type: ignore[union-attr]
