"""A mapped release answers by row, by id and by vector what the files say."""

from __future__ import annotations

import dataclasses
import gc
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from server.features.identity import item_key
from server.features.text_encoder import TextEncoder
from server.releases.format import ARRAY_FILES
from server.releases.mapped_release import MappedRelease
from server.releases.release_arrays import ReleaseArrays
from tests.support.small_release import SmallRelease, build_small_release


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallRelease:
    return build_small_release(tmp_path_factory.mktemp("releases"), items=60, categories=4, image_dims=3)


@pytest.fixture
def release(small: SmallRelease) -> MappedRelease:
    return MappedRelease.open(small.path)


def test_there_is_one_attribute_a_file() -> None:
    assert [f.name for f in dataclasses.fields(ReleaseArrays) if f.init] == [
        file.name for file in ARRAY_FILES
    ]


def test_every_array_has_the_dtype_of_its_file_and_the_mutable_ones_can_be_written(
    release: MappedRelease,
) -> None:
    for file in ARRAY_FILES:
        array = getattr(release.arrays, file.name)
        assert type(array) is np.ndarray
        assert array.dtype == file.dtype
        assert array.flags.writeable == file.mutable
        assert array.flags.c_contiguous


def test_what_is_written_stays_in_this_mapping(small: SmallRelease, release: MappedRelease) -> None:
    release.arrays.price[:] = 9999
    assert MappedRelease.open(small.path).arrays.price.max() < 9999


def test_ids_lead_to_rows_and_back(small: SmallRelease, release: MappedRelease) -> None:
    assert release.rows_of(small.item_ids).tolist() == list(range(60))
    assert release.item_ids(range(60)) == small.item_ids
    assert release.rows_of(["item-0007", "nothing", "item-0007"]).tolist()[1] == -1
    keys = np.array([item_key(i) for i in small.item_ids[:3]], np.uint64)
    assert release.rows_of_keys(keys).tolist() == [0, 1, 2]
    assert release.rows_of([]).dtype == np.int32
    assert "category-00" in release.title(0)


def test_a_categorys_rows_are_a_range(small: SmallRelease, release: MappedRelease) -> None:
    for name, code in release.category_codes.items():
        start, stop = release.rows_in_category(code)
        assert release.item_ids(range(start, stop)) == small.ids_of_category(name)
    assert release.rows_in_category(99) == (0, 0)


def test_popularity_lists_are_found_by_name(release: MappedRelease) -> None:
    everything = release.popularity("popular", "global")
    assert everything is not None
    assert release.item_id(int(everything[0][0])) == "item-0000"
    inside = release.popularity("popular", "category", "category-02")
    assert inside is not None
    assert release.item_ids(inside[0][:2]) == ["item-0002", "item-0006"]
    assert release.popularity("popular", "category", "nowhere") is None


@pytest.mark.parametrize("metric", ["cos", "ip"])
def test_an_items_own_vector_finds_the_item_first(tmp_path: Path, metric: str) -> None:
    small = build_small_release(tmp_path, items=60, ann_metric=metric)
    release = MappedRelease.open(small.path)
    vectors = release.arrays.item_vectors[:60]
    rows, scores = release.search_ann(vectors[17], 10)
    assert rows.dtype == np.int32
    assert scores.dtype == np.float32
    assert len(rows) == 10
    assert np.all(scores[1:] <= scores[:-1])
    exact = vectors[rows] @ vectors[17]
    if metric == "cos":
        exact /= np.linalg.norm(vectors[rows], axis=1) * np.linalg.norm(vectors[17])
        assert rows[0] == 17
    assert np.allclose(scores, exact, rtol=0.02, atol=0.02)


def test_asking_for_more_than_there_is_gives_all(release: MappedRelease) -> None:
    rows, _ = release.search_ann(release.arrays.item_vectors[0], 1_000)
    assert sorted(rows.tolist()) == list(range(60))


def test_many_threads_search_alike(release: MappedRelease) -> None:
    queries = release.arrays.item_vectors[:60]
    expected = [release.search_ann(query, 20)[0].tolist() for query in queries]
    different: list[int] = []

    def search() -> None:
        for _ in range(5):
            for i, query in enumerate(queries):
                if release.search_ann(query, 20)[0].tolist() != expected[i]:
                    different.append(i)

    threads = [threading.Thread(target=search, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert different == []


def test_a_new_text_is_encoded_by_the_releases_own_encoder(release: MappedRelease) -> None:
    assert isinstance(release.text_encoder, TextEncoder)
    title, category = release.title(0), release.categories[0]
    brand = release.brands[int(release.arrays.brand[0])]
    again = release.text_encoder.encode([title], [category], [brand])[0]
    assert np.allclose(again, release.arrays.title_embeddings[0], atol=1e-3)


def test_removed_files_stay_readable_while_mapped(tmp_path: Path) -> None:
    small = build_small_release(tmp_path, items=20)
    release = MappedRelease.open(small.path, prefault_pages=False)
    for file in small.path.rglob("*"):
        if file.is_file():
            os.unlink(file)
    assert release.item_ids(range(20)) == small.item_ids
    assert len(release.search_ann(release.arrays.item_vectors[3], 5)[0]) == 5


def test_a_release_of_one_item_and_one_without_spare_rows_work(tmp_path: Path) -> None:
    small = build_small_release(tmp_path, items=1, categories=1, spare_rows=0)
    release = MappedRelease.open(small.path)
    assert (release.item_count, release.capacity) == (1, 1)
    assert release.search_ann(np.ones(64, np.float32), 5)[0].tolist() == [0]
    assert release.arrays.neighbour_rows.size == 0


def test_a_release_mapped_beside_one_that_serves_is_the_same_and_outlives_what_made_it(
    small: SmallRelease, release: MappedRelease
) -> None:
    other = MappedRelease.open(small.path, behind=True)
    vectors = release.arrays.item_vectors[:20].copy()
    expected = [release.search_ann(vector, 10)[0].tolist() for vector in vectors]
    gc.collect()
    assert [other.search_ann(vector, 10)[0].tolist() for vector in vectors] == expected
