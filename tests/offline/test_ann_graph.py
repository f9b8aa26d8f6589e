"""The graph of a saved index: what usearch finds in it is what the server's walk finds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ext import reference, search_graph
from offline.ann_graph import AnnGraph, graph_of, link_lost
from offline.usearch_index import Index

Floats = NDArray[np.float32]
EFFORT = 64


def vectors_of(count: int, clusters: int = 20) -> Floats:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(clusters, 64))[rng.integers(0, clusters, count)]
    vectors = (centres + rng.normal(0, 0.5, (count, 64))).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def index_of(vectors: Floats) -> Index:
    """Filled in another order than that of the rows, with a few taken out and added again."""
    index = Index(ndim=64, metric="cos", dtype="i8", connectivity=8, expansion_search=EFFORT)
    rows = np.random.default_rng(1).permutation(len(vectors)).astype(np.uint64)
    index.add(rows, vectors[rows], threads=1)
    again = rows[: len(rows) // 50]
    if len(again):
        index.remove(again)
        index.add(again, vectors[again], threads=1)
    return index


def content_of(index: Index) -> NDArray[np.uint8]:
    return np.frombuffer(bytes(index.save()), np.uint8)


def found(graph: AnnGraph, vector: Floats, count: int) -> tuple[NDArray[np.int32], Floats]:
    return search_graph(
        vector,
        graph.codes,
        graph.links,
        graph.upper_rows,
        graph.upper_links,
        graph.upper_down,
        EFFORT,
        count,
    )


def test_the_walk_finds_as_much_as_usearch_does() -> None:
    vectors = vectors_of(3_000)
    index = index_of(vectors)
    graph = graph_of(content_of(index), vectors)
    assert len(graph.upper_rows) > 100
    ours, usearchs = [], []
    for row in range(0, 3_000, 30):
        exact = np.argsort(-(vectors @ vectors[row]))[:50]
        rows, similarities = found(graph, vectors[row], 50)
        assert rows[0] == row
        ours.append(len(np.intersect1d(rows, exact)) / 50)
        usearchs.append(len(np.intersect1d(index.search(vectors[row], 50).keys, exact)) / 50)
        np.testing.assert_allclose(similarities, vectors[rows] @ vectors[row], atol=0.01)
        assert np.all(np.diff(similarities) <= 0)
    # usearch cuts off what is behind the point where the codes are rounded, so two that are almost equally near may change
    # places: for the better.
    assert np.mean(ours) > np.mean(usearchs) - 0.01
    assert np.mean(ours) > 0.9


def test_links_lead_from_row_to_row_and_down_to_the_same_row() -> None:
    graph = graph_of(content_of(index_of(vectors_of(2_000))), vectors_of(2_000))
    assert graph.links.min() == -1
    assert graph.links.max() < 2_000
    for row in range(0, 2_000, 100):
        links = graph.links[row][graph.links[row] >= 0]
        assert row not in links
        assert len(np.unique(links)) == len(links)
    below = np.flatnonzero(graph.upper_down >= 0)
    assert len(below)
    assert np.array_equal(graph.upper_rows[graph.upper_down[below]], graph.upper_rows[below])
    assert np.all(graph.upper_down[below] > below)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_graph_without_upper_layers_is_walked_from_one_row(count: int) -> None:
    vectors = vectors_of(count)
    index = Index(ndim=64, metric="cos", dtype="i8", connectivity=16)
    index.add(np.arange(count), vectors, threads=1)
    graph = graph_of(content_of(index), vectors)
    assert sorted(found(graph, vectors[0], 20)[0].tolist()) == list(range(count))


def test_a_graph_of_nothing_finds_nothing() -> None:
    index = Index(ndim=64, metric="cos", dtype="i8", connectivity=16)
    graph = graph_of(content_of(index), vectors_of(1)[:0])
    assert (graph.codes.shape, graph.upper_rows.shape) == ((0, 64), (0,))
    assert len(found(graph, vectors_of(1)[0], 5)[0]) == 0


def test_an_item_that_the_index_lacks_has_no_links() -> None:
    vectors = vectors_of(40)
    index = Index(ndim=64, metric="cos", dtype="i8", connectivity=16)
    index.add(np.arange(39), vectors[:39], threads=1)
    graph = graph_of(content_of(index), vectors)
    assert np.all(graph.links[39] == -1)
    assert 39 not in graph.links


def test_rows_that_nobody_leads_to_are_linked_from_those_near_them() -> None:
    vectors = vectors_of(1_000)
    graph = graph_of(content_of(index_of(vectors)), vectors)
    lost = np.setdiff1d(np.arange(10, 1_000, 99), graph.upper_rows).astype(np.int32)
    for line in graph.links:
        kept = line[(line >= 0) & ~np.isin(line, lost)]
        line[:] = -1
        line[: len(kept)] = kept
    assert not any(row in found(graph, vectors[row], 20)[0] for row in lost)
    assert link_lost(graph, vectors, lost).tolist() == []
    assert all(found(graph, vectors[row], 20)[0][0] == row for row in lost)


def test_rows_for_which_nobody_has_a_place_stay_lost() -> None:
    vectors = vectors_of(100)
    graph = graph_of(content_of(index_of(vectors)), vectors)
    graph.links[:] = np.arange(graph.links.shape[1])
    lost = np.setdiff1d([60, 99], graph.upper_rows).astype(np.int32)
    assert link_lost(graph, vectors, lost).tolist() == lost.tolist()


def test_kernel_and_twin_agree_on_a_real_graph() -> None:
    vectors = vectors_of(500)
    graph = graph_of(content_of(index_of(vectors)), vectors)
    arrays = tuple(graph.to_arrays().values())
    for row in range(0, 500, 25):
        ours = search_graph(vectors[row], *arrays, 30, 20)
        theirs = reference.search_graph(vectors[row], *arrays, 30, 20)
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6)


def test_what_is_no_index_is_refused() -> None:
    vectors = vectors_of(30)
    content = content_of(index_of(vectors)).copy()
    with pytest.raises(ValueError, match="as long as its nodes"):
        graph_of(content[:-4], vectors)
    with pytest.raises(ValueError, match="no rows"):
        graph_of(content, vectors[:29])
    content[8 + 30 * 64] ^= 1
    with pytest.raises(ValueError, match="not an index"):
        graph_of(content, vectors)
