"""The ANN index: every item can be found, rows are keys, and the ranking is that of the cosine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offline.ann import AnnOptions, UnreachableItems, build_ann_index, find_lost
from offline.ann_check import measure_recall
from offline.ann_graph import read_graph
from offline.ann_served import GraphSearch, build_served_graph
from offline.usearch_index import Index

Floats = NDArray[np.float32]


def unit_vectors(count: int, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).normal(size=(count, 64)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def opened(path: Path) -> Index:
    index = Index.restore(path, view=True)
    assert index is not None
    index.expansion_search = 64
    return index


def recall_of(path: Path, vectors: Floats) -> float:
    return measure_recall(GraphSearch(read_graph(path, vectors), 64), vectors, queries=200, count=200, seed=0)


def test_every_item_finds_itself_and_recall_is_told(tmp_path: Path) -> None:
    vectors = unit_vectors(600)
    served = build_served_graph(vectors, tmp_path / "ann" / "index.usearch")
    assert served.index.items == 600
    assert served.recall > 0.9
    index = opened(tmp_path / "ann" / "index.usearch")
    assert not len(find_lost(index, vectors, 20))


def test_keys_are_rows(tmp_path: Path) -> None:
    vectors = unit_vectors(50)
    path = tmp_path / "index.usearch"
    build_ann_index(vectors, path)
    index = opened(path)
    assert (index.ndim, len(index)) == (64, 50)
    assert int(index.search(vectors[7], 1).keys[0]) == 7


def test_items_with_equal_vectors_neither_are_lost_nor_hide_others(tmp_path: Path) -> None:
    vectors = unit_vectors(200)
    vectors[50:150] = vectors[0]
    build_ann_index(vectors, tmp_path / "index.usearch")
    index = opened(tmp_path / "index.usearch")
    found = {int(index.search(vectors[row], 20).keys[0]) for row in range(150, 200)}
    assert found == set(range(150, 200))


def test_a_single_item_and_none_at_all_are_indexed(tmp_path: Path) -> None:
    assert build_served_graph(unit_vectors(1), tmp_path / "one").recall == 1
    assert build_served_graph(unit_vectors(0), tmp_path / "none").index.items == 0


def test_a_missing_item_is_noticed(tmp_path: Path) -> None:
    vectors = unit_vectors(100)
    index = Index(ndim=64, metric="cos", dtype="i8")
    index.add(np.arange(99, dtype=np.uint64), vectors[:99], threads=1)
    assert find_lost(index, vectors, 5).tolist() == [99]


def test_what_searches_for_others_show_counts_as_found_but_nothing_that_is_missing_does() -> None:
    vectors = _clustered(3_000, 60)
    vectors[1000:1100] = vectors[1000]
    index = Index(ndim=64, metric="cos", dtype="i8", connectivity=8, expansion_add=16, expansion_search=16)
    there = np.setdiff1d(np.arange(3_000), [0, 77, 2_999])
    index.add(there.astype(np.uint64), vectors[there], threads=1)
    by_itself = find_lost(index, vectors, 20)
    lost = find_lost(index, vectors, 20, by_others=True)
    assert {0, 77, 2_999} <= set(lost.tolist()) <= set(by_itself.tolist())
    shown = set(np.asarray(index.search(vectors, 20).keys).ravel().tolist())
    crowded_out = set(range(1_000, 1_100))
    assert set(range(3_000)) - set(lost.tolist()) <= shown | crowded_out


def test_a_large_index_is_checked_by_what_its_searches_show(tmp_path: Path) -> None:
    vectors = _clustered(3_000, 60)
    options = AnnOptions(found_among=20, unreached_share_max=0.01, relinks=0)
    report = build_ann_index(vectors, tmp_path / "index", options)
    index = opened(tmp_path / "index")
    assert report.unreached_rows.tolist() == find_lost(index, vectors, 20, by_others=True).tolist()


def test_a_few_items_that_are_not_found_are_named_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offline.ann.find_lost", lambda *_: np.array([3]))
    options = AnnOptions(unreached_share_max=0.05)
    report = build_ann_index(unit_vectors(30), tmp_path / "index", options)
    assert (report.attempts, report.unreached_rows.tolist()) == (1, [3])
    assert report.unreached_rows.dtype == np.int32


def test_items_that_are_lost_are_linked_anew(tmp_path: Path) -> None:
    vectors = _clustered(3_000, 60)
    # Few links, region by region: what loses the most.
    poor = AnnOptions(connectivity=8, expansion_add=16, pass_shares=(), unreached_share_max=1, relinks=0)
    once = build_ann_index(vectors, tmp_path / "once", poor)
    path = tmp_path / "anew"
    anew = build_ann_index(vectors, path, replace(poor, relinks=2, unreached_share_max=0.01))
    assert len(anew.unreached_rows) < len(once.unreached_rows) / 4
    assert recall_of(path, vectors) > recall_of(tmp_path / "once", vectors)
    assert len(opened(path)) == 3_000
    assert find_lost(opened(path), vectors, 20).tolist() == anew.unreached_rows.tolist()


def _clustered(count: int, clusters: int) -> Floats:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(clusters, 64)), count // clusters, axis=0)
    vectors = (centres + rng.normal(0, 0.3, (count, 64))).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_an_index_that_cannot_be_made_whole_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offline.ann.find_lost", lambda *_: np.array([3]))
    with pytest.raises(UnreachableItems, match="1 of 30"):
        build_ann_index(unit_vectors(30), tmp_path / "index", AnnOptions(attempts_max=2))
    assert not (tmp_path / "index").exists()


def test_an_index_filled_by_several_threads_holds_every_item_once(tmp_path: Path) -> None:
    vectors, path = _clustered(3_000, 60), tmp_path / "index"
    report = build_ann_index(vectors, path, AnnOptions(parallel_items_min=0))
    assert len(opened(path)) == 3_000
    assert recall_of(path, vectors) > 0.9
    assert find_lost(opened(path), vectors, 20).tolist() == report.unreached_rows.tolist()


def test_a_small_index_is_the_same_each_time(tmp_path: Path) -> None:
    vectors = _clustered(1_000, 20)
    for name in ("one", "again"):
        build_ann_index(vectors, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "again").read_bytes()
