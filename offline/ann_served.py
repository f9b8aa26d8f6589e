"""The graph of a release, built and judged by what a server's walk through it finds.

usearch builds the index and says what its own search misses; the server walks through the graph with a kernel of ours
(ext.search_graph), over codes that are rounded another way. So what a release tells of its index is measured with that
walk: which items it misses, all of them looked for, and how many of the nearest it finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.ann import AnnOptions, AnnReport, Progress, build_ann_index
from offline.ann_check import find_missed, measure_recall
from offline.ann_graph import AnnGraph, link_lost, read_graph

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ServedGraph:
    """What a server gets. recall: share of the exact recall_count best that its walk finds, mean over items.

    unreached_rows: int32, ascending, those that its walk for their own vector misses: the server looks at them beside
    the index. index: what was built.
    """

    graph: AnnGraph
    recall: float
    unreached_rows: NDArray[np.int32]
    index: AnnReport

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Returns the arrays by their file's stem in a release."""
        return {**self.graph.to_arrays(), "unreached_rows": self.unreached_rows}


@dataclass(frozen=True, slots=True)
class GraphSearch:
    """What the walk finds. effort: hits that it keeps at the least; see ext.search_graph."""

    graph: AnnGraph
    effort: int

    def search(
        self, vectors: Floats, count: int, *, narrow: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See offline.ann_check.SearchesVectors."""
        keys = np.full((len(vectors), count), -1, np.int64)
        lengths = np.zeros(len(vectors), np.int64)
        for at, vector in enumerate(vectors):
            rows = self.graph.nearest(vector, count, count if narrow else self.effort)
            lengths[at] = len(rows)
            keys[at, : len(rows)] = rows
        return keys, lengths


def build_served_graph(
    vectors: Floats, index_path: Path, options: AnnOptions | None = None, progress: Progress | None = None
) -> ServedGraph:
    """Writes usearch's index of vectors, float32[I, V], to a file; returns its graph as a release holds it.

    Rows that usearch or the walk misses are linked from rows near them; see link_lost(). Raises
    offline.ann.UnreachableItems.
    """
    options = options or AnnOptions()
    index = build_ann_index(vectors, index_path, options, progress)
    graph = read_graph(index_path, vectors)
    search = GraphSearch(graph, options.expansion_search)
    missed = find_missed(
        search, vectors, options.places(len(vectors)), by_others=not options.few(len(vectors))
    )
    unreached = link_lost(graph, vectors, np.union1d(index.unreached_rows, missed).astype(np.int32))
    recall = measure_recall(search, vectors, options.recall_queries, options.recall_count, options.seed)
    return ServedGraph(graph, recall, unreached, index)
