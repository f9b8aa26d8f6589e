"""Item changes newer than the release are in the very next look at it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.releases.format import ItemFlag
from server.releases.mapped_release import MappedRelease
from server.releases.overlay import Overlay
from server.stores.protocols import ItemChange
from tests.support.small_release import SmallRelease, build_small_release

SPARE = 5


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallRelease:
    return build_small_release(
        tmp_path_factory.mktemp("releases"), items=40, categories=4, image_dims=2, spare_rows=SPARE
    )


@pytest.fixture
def release(small: SmallRelease) -> MappedRelease:
    return MappedRelease.open(small.path)


class Changes:
    """Numbers changes from 1."""

    def __init__(self, release: MappedRelease) -> None:
        self.release = release
        self.count = 0

    def __call__(self, *changes: tuple[str, dict[str, object] | None]) -> None:
        numbered = []
        for item_id, patch in changes:
            self.count += 1
            numbered.append(ItemChange(self.count, item_id, patch is None, patch or {}))
        Overlay().apply(self.release, numbered)


@pytest.fixture
def change(release: MappedRelease) -> Changes:
    return Changes(release)


def row_of(release: MappedRelease, item_id: str) -> int:
    return int(release.rows_of([item_id])[0])


def flags_of(release: MappedRelease, item_id: str) -> ItemFlag:
    return ItemFlag(int(release.arrays.flags[row_of(release, item_id)]))


def test_a_patch_changes_what_it_names_and_nothing_else(release: MappedRelease, change: Changes) -> None:
    row = row_of(release, "item-0005")
    before = {
        name: getattr(release.arrays, name)[row].copy() for name in ("brand", "category", "item_vectors")
    }
    change(("item-0005", {"price": 12.5, "in_stock": False, "promoted": True, "expire_time_s": 99}))
    assert release.arrays.price[row] == 12.5
    assert release.arrays.expire_time_s[row] == 99
    assert flags_of(release, "item-0005") == ItemFlag.PROMOTED
    for name, value in before.items():
        assert np.array_equal(getattr(release.arrays, name)[row], value)
    assert release.overlay_sequence == 1


def test_a_patch_of_flags_leaves_the_other_flags(release: MappedRelease, change: Changes) -> None:
    change(("item-0005", {"hidden": True}))
    change(("item-0005", {"promoted": True}))
    assert flags_of(release, "item-0005") == ItemFlag.IN_STOCK | ItemFlag.HIDDEN | ItemFlag.PROMOTED
    change(("item-0005", {"hidden": False}))
    assert flags_of(release, "item-0005") == ItemFlag.IN_STOCK | ItemFlag.PROMOTED


def test_a_new_item_takes_a_spare_row_and_is_found_by_its_id(release: MappedRelease, change: Changes) -> None:
    new = {
        "title": "Lamp",
        "category_id": "category-02",
        "brand": "brand-01",
        "price": 3.0,
        "added_time_s": 7,
    }
    change(("new-1", new))
    row = row_of(release, "new-1")
    assert row == 40
    assert release.fresh_rows.tolist() == [40]
    assert (release.item_id(row), release.title(row)) == ("new-1", "Lamp")
    assert flags_of(release, "new-1") == ItemFlag.IN_STOCK
    assert release.arrays.category[row] == release.category_codes["category-02"]
    assert release.arrays.added_time_s[row] == 7


def test_a_new_items_vector_lies_with_its_category(release: MappedRelease, change: Changes) -> None:
    change(("new-1", {"title": "Lamp", "category_id": "category-02"}))
    vectors = release.arrays.item_vectors
    similarity = vectors[:40] @ vectors[row_of(release, "new-1")]
    best = np.argsort(-similarity)[:5]
    assert {release.categories[code] for code in release.arrays.category[best]} == {"category-02"}
    assert np.isclose(np.linalg.norm(release.arrays.title_embeddings[40]), 1, atol=1e-5)
    lengths = np.linalg.norm(vectors[[0, 40]], axis=1)
    assert np.isclose(lengths[0], lengths[1], atol=1e-5), "as long as the release's own: nearness is an angle"


def test_a_new_item_borrows_counts_and_learnt_embedding_of_items_with_its_text(
    release: MappedRelease, change: Changes
) -> None:
    row = row_of(release, "item-0005")
    title = release.title(row)
    category, brand = (
        vocabulary[code]
        for vocabulary, code in (
            (release.categories, release.arrays.category[row]),
            (release.brands, release.arrays.brand[row]),
        )
    )
    change(("new-1", {"title": title, "category_id": category, "brand": brand}))
    new = row_of(release, "new-1")
    assert release.arrays.history_embeddings[new].any()
    assert release.arrays.purchase_count_7d[new] > 0
    assert len(release.new_item_kin) > 0


def test_a_changed_text_changes_the_vectors_as_the_item_tower_says(
    release: MappedRelease, change: Changes
) -> None:
    row, other = row_of(release, "item-0005"), row_of(release, "item-0003")
    vectors = release.arrays.item_vectors
    title_before, similarity_before = (
        release.arrays.title_embeddings[row].copy(),
        vectors[row] @ vectors[other],
    )
    change(("item-0005", {"title": "Something else", "category_id": "category-03"}))
    assert release.title(row) == "Something else"
    assert not np.allclose(title_before, release.arrays.title_embeddings[row])
    assert vectors[row] @ vectors[other] > similarity_before + 0.1


def test_a_new_category_and_brand_get_the_next_codes(release: MappedRelease, change: Changes) -> None:
    categories = len(release.categories)
    change(("new-1", {"category_id": "garden", "brand": "acme"}), ("new-2", {"category_id": "garden"}))
    assert release.category_codes["garden"] == categories
    assert release.categories[categories] == "garden"
    assert len(release.user_category_buckets) == len(release.categories)
    assert release.arrays.category[[40, 41]].tolist() == [categories, categories]
    assert release.arrays.brand[41] == -1


def test_a_deleted_item_is_hidden_and_comes_back_anew(release: MappedRelease, change: Changes) -> None:
    change(("item-0005", {"promoted": True}), ("item-0005", None))
    row = row_of(release, "item-0005")
    assert ItemFlag.HIDDEN in flags_of(release, "item-0005")
    assert row in release.deleted_rows
    change(("item-0005", {"title": "Back", "price": 5.0}))
    assert flags_of(release, "item-0005") == ItemFlag.IN_STOCK
    assert row not in release.deleted_rows
    assert row_of(release, "item-0005") == row
    assert (release.title(row), release.arrays.category[row]) == ("Back", -1)


def test_deleting_what_is_unknown_changes_nothing(release: MappedRelease, change: Changes) -> None:
    change(("nobody", None))
    assert release.fresh_rows.size == 0
    assert release.overlay_sequence == 1


def test_beyond_the_spare_rows_items_wait_for_the_next_release(
    release: MappedRelease, change: Changes
) -> None:
    change(*((f"new-{n}", {"title": f"New {n}"}) for n in range(SPARE + 2)))
    assert release.fresh_rows.tolist() == list(range(40, 40 + SPARE))
    assert release.unplaced_item_ids == {f"new-{SPARE}", f"new-{SPARE + 1}"}
    change(("new-0", {"price": 1.0}), (f"new-{SPARE}", None), ("item-0001", {"price": 2.0}))
    assert release.arrays.price[row_of(release, "item-0001")] == 2
    assert release.unplaced_item_ids == {f"new-{SPARE + 1}"}


def test_an_image_of_another_width_is_left_out(release: MappedRelease, change: Changes) -> None:
    change(("new-1", {"image_embedding": [1.0, 2.0]}), ("new-2", {"image_embedding": [1.0, 2.0, 3.0]}))
    assert release.arrays.image_embeddings[40:42].tolist() == [[1, 2], [0, 0]]


def test_vacant_rows_are_never_shown(release: MappedRelease, change: Changes) -> None:
    change(("new-1", {"title": "Lamp"}))
    vacant = release.arrays.flags[41:] & ItemFlag.VACANT
    assert np.all(vacant)


patches = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["Lamp", "Chair"]),
        "category_id": st.sampled_from(["category-00", "garden"]),
        "price": st.sampled_from([1.0, 2.0]),
        "in_stock": st.booleans(),
        "hidden": st.booleans(),
    },
)
changes = st.tuples(st.sampled_from(["item-0001", "item-0002", "new-1", "new-2"]), st.none() | patches)


@settings(max_examples=40, deadline=None)
@given(st.lists(changes, max_size=12), st.integers(0, 12))
def test_changes_in_one_batch_come_to_the_same_as_in_two(
    small: SmallRelease, some: list[tuple[str, dict[str, object] | None]], cut: int
) -> None:
    whole, parts = MappedRelease.open(small.path), MappedRelease.open(small.path)
    Changes(whole)(*some)
    in_parts = Changes(parts)
    in_parts(*some[:cut])
    in_parts(*some[cut:])
    for item_id in ("item-0001", "item-0002", "new-1", "new-2"):
        views = [_view(release, item_id) for release in (whole, parts)]
        assert views[0] == views[1]


def _view(release: MappedRelease, item_id: str) -> object:
    row = row_of(release, item_id)
    if row < 0 or row in release.deleted_rows:
        return None
    arrays = release.arrays
    category = release.category_vocabulary.name(int(arrays.category[row]))
    vector = np.round(arrays.item_vectors[row], 4).tolist()
    return release.title(row), category, float(arrays.price[row]), int(arrays.flags[row]), vector


def test_the_overlay_leaves_the_files_alone(tmp_path: Path) -> None:
    small = build_small_release(tmp_path, items=10)
    before = {p: p.read_bytes() for p in small.path.rglob("*") if p.is_file()}
    Changes(MappedRelease.open(small.path))(("item-0001", {"price": 77.0}), ("new", {"title": "x"}))
    assert {p: p.read_bytes() for p in small.path.rglob("*") if p.is_file()} == before
