"""The graph of a release: its figures are those of the walk that serves, whatever usearch finds in its index."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offline.ann import AnnOptions, build_ann_index
from offline.ann_check import find_missed, measure_recall
from offline.ann_graph import AnnGraph, read_graph
from offline.ann_served import GraphSearch, ServedGraph, build_served_graph
from server.releases.mapped_release import MappedRelease
from tests.support.small_release import build_small_release

Floats = NDArray[np.float32]
ITEMS = 3_000
EFFORT = 64
OPTIONS = AnnOptions(recall_queries=100, recall_count=50)


@dataclass(frozen=True)
class Serving:
    """What a server's search in a release finds."""

    release: MappedRelease

    def search(
        self, vectors: Floats, count: int, *, narrow: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        found = [self.release.search_ann(vector, count)[0] for vector in vectors]
        return np.array(found, np.int64), np.full(len(vectors), count)


def clustered() -> Floats:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(60, 64)), ITEMS // 60, axis=0)
    vectors = (centres + rng.normal(0, 0.3, (ITEMS, 64))).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def holding(release_dir: Path, served: ServedGraph) -> MappedRelease:
    """A release of any other items, with the graph in the place of its own."""
    release = MappedRelease.open(build_small_release(release_dir).path, ann_expansion_search=EFFORT)
    graph = served.graph
    release.arrays = replace(
        release.arrays,
        ann_codes=graph.codes,
        ann_links=graph.links,
        upper_rows=graph.upper_rows,
        upper_links=graph.upper_links,
        upper_down=graph.upper_down,
    )
    return release


def with_codes_of_other_rows(path: Path, vectors: Floats) -> AnnGraph:
    graph = read_graph(path, vectors)
    graph.codes[:] = graph.codes[::-1].copy()
    return graph


def missed(graph: AnnGraph, vectors: Floats) -> list[int]:
    return find_missed(GraphSearch(graph, EFFORT), vectors, OPTIONS.found_among_few).tolist()


def test_the_recall_that_is_told_is_that_of_the_walk_that_serves(tmp_path: Path) -> None:
    vectors = clustered()
    served = build_served_graph(vectors, tmp_path / "index", OPTIONS)
    serving = Serving(holding(tmp_path / "releases", served))
    assert served.recall == measure_recall(serving, vectors, 100, 50, OPTIONS.seed)
    assert served.recall > 0.9


def test_a_graph_that_is_damaged_on_its_way_has_the_recall_that_it_serves_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = clustered()
    whole = build_served_graph(vectors, tmp_path / "whole", OPTIONS)
    monkeypatch.setattr("offline.ann_served.read_graph", with_codes_of_other_rows)
    damaged = build_served_graph(vectors, tmp_path / "damaged", OPTIONS)
    serving = Serving(holding(tmp_path / "releases", damaged))
    assert damaged.recall == measure_recall(serving, vectors, 100, 50, OPTIONS.seed)
    assert damaged.recall < 0.1 < whole.recall
    assert len(damaged.unreached_rows) > ITEMS / 2
    assert damaged.index.unreached_rows.tolist() == whole.index.unreached_rows.tolist() == []


def test_rows_that_only_the_walk_misses_are_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered()
    whole = build_served_graph(vectors, tmp_path / "whole", OPTIONS)
    lost = np.setdiff1d([17, 1_500, 2_999], whole.graph.upper_rows)
    assert len(lost)

    def without_ways_to_lost(path: Path, vectors: Floats) -> AnnGraph:
        graph = read_graph(path, vectors)
        for line in graph.links:
            kept = line[(line >= 0) & ~np.isin(line, lost)]
            line[:] = -1
            line[: len(kept)] = kept
        return graph

    monkeypatch.setattr("offline.ann_served.read_graph", without_ways_to_lost)
    assert missed(without_ways_to_lost(tmp_path / "whole", vectors), vectors) == lost.tolist()
    served = build_served_graph(vectors, tmp_path / "index", OPTIONS)
    assert served.unreached_rows.tolist() == missed(served.graph, vectors) == []


@pytest.mark.parametrize("found_among", [20, 200])
def test_rows_that_stay_unreached_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found_among: int
) -> None:
    """Each item looked for by itself, and by what the walks for others show."""
    vectors = clustered()
    build_ann_index(vectors, tmp_path / "index")
    upper = read_graph(tmp_path / "index", vectors).upper_rows
    lost = np.setdiff1d([17, 1_500, 2_999], upper)
    assert len(lost)

    def without_a_free_place(path: Path, vectors: Floats) -> AnnGraph:
        graph = read_graph(path, vectors)
        taken = np.where((graph.links < 0) | np.isin(graph.links, lost), upper[0], graph.links)
        graph.links[:] = taken
        return graph

    monkeypatch.setattr("offline.ann_served.read_graph", without_a_free_place)
    served = build_served_graph(vectors, tmp_path / "again", replace(OPTIONS, found_among=found_among))
    assert served.unreached_rows.tolist() == lost.tolist()
    assert served.to_arrays()["unreached_rows"].dtype == np.int32
