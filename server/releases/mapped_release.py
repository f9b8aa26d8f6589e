"""A verified release in memory: what every part of the request path reads."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ext import exact_search, search_graph
from server.errors import ContractBroken
from server.features.text_encoder import TextEncoder
from server.releases.format import (
    POPULARITY_LISTS_PATH,
    TEXT_ENCODER_CONFIG_PATH,
    VOCABULARIES_PATH,
    popularity_list_name,
)
from server.releases.item_directory import ItemDirectory
from server.releases.manifest import Manifest
from server.releases.model_repository import repository_version
from server.releases.new_item_kin import NewItemKin
from server.releases.release_arrays import (
    load_weights,
    map_arrays,
    map_published_titles,
    prefault,
    read_ahead,
)
from server.releases.verify import read_json, read_model_config, verify_release
from server.releases.vocabulary import Vocabulary

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]


_SERIALS = itertools.count()


class MappedRelease:
    """One release, mapped. Readers need no lock; only an Overlay writes, and one at a time.

    manifest, version, model_version, repository_version, ranker_sha256: what it is. item_count: I, rows of the release itself.
    capacity: N, length of per-item arrays. arrays, weights, model: see ReleaseArrays, MODEL_WEIGHTS, ModelConfig. directory: ids,
    keys and titles. category_vocabulary, brand_vocabulary: names by code, with those born since.
    overlay_sequence: the newest item change that is in the arrays. deleted_rows: rows whose item is deleted.
    unplaced_item_ids: items upserted after the spare rows were used up; they wait for the next release.
    """

    def __init__(
        self,
        release_dir: Path,
        manifest: Manifest,
        ann_expansion_search: int,
    ) -> None:
        self.path = release_dir
        self._serial = next(_SERIALS)
        self.manifest = manifest
        self.version = manifest.version
        self.item_count = manifest.item_count
        self.capacity = manifest.capacity
        self.model = read_model_config(release_dir)
        self.model_version = self.model.model_version
        self.repository_version = repository_version(manifest)
        self.ranker_sha256 = manifest.files["models/two_tower.onnx"].sha256
        self.arrays = map_arrays(release_dir)
        self.weights = load_weights(release_dir)
        self.directory = ItemDirectory(self.arrays, self.item_count, self.capacity)
        self.new_item_kin = NewItemKin()
        self.published_titles = map_published_titles(release_dir)
        names = _names(read_json(release_dir, VOCABULARIES_PATH))
        self.category_vocabulary = Vocabulary(names["categories"])
        self.brand_vocabulary = Vocabulary(names["brands"])
        self.text_encoder: TextEncoder | None = _open_text_encoder(self)
        self.overlay_sequence = manifest.overlay_sequence
        self.deleted_rows: set[int] = set()
        self.unplaced_item_ids: set[str] = set()
        self._lists = _list_numbers(read_json(release_dir, POPULARITY_LISTS_PATH))
        self._category_ranges = _category_ranges(self.arrays.category[: self.item_count])
        self._ann_effort = ann_expansion_search

    @classmethod
    def open(
        cls,
        release_dir: Path,
        *,
        manifest: Manifest | None = None,
        ann_expansion_search: int = 64,
        prefault_pages: bool = True,
        behind: bool = False,
    ) -> MappedRelease:
        """Verifies and maps a release. manifest: from verify_release, when the caller has just verified. behind: another
        release serves meanwhile.

        Raises ReleaseRefused. The files must stay as they are while mapped; a release's files are read-only.
        """
        if manifest is None:
            manifest = verify_release(release_dir, behind=behind)
        if prefault_pages:
            read_ahead(release_dir)
        release = cls(release_dir.resolve(), manifest, ann_expansion_search)
        if prefault_pages:
            prefault(release.arrays, behind=behind)
        return release

    @property
    def categories(self) -> tuple[str, ...]:
        """Returns category names by code."""
        return self.category_vocabulary.names

    @property
    def brands(self) -> tuple[str, ...]:
        """Returns brand names by code."""
        return self.brand_vocabulary.names

    @property
    def category_codes(self) -> dict[str, int]:
        """Returns category codes by name; callers must not change it."""
        return self.category_vocabulary.codes

    @property
    def brand_codes(self) -> dict[str, int]:
        """Returns brand codes by name; callers must not change it."""
        return self.brand_vocabulary.codes

    @property
    def user_category_buckets(self) -> Rows:
        """Returns bucket_table(categories, PREFERENCE_BUCKETS)."""
        return self.category_vocabulary.user_buckets

    @property
    def user_brand_buckets(self) -> Rows:
        """Returns bucket_table(brands, PREFERENCE_BUCKETS)."""
        return self.brand_vocabulary.user_buckets

    @property
    def fresh_rows(self) -> Rows:
        """Returns the rows >= item_count that the overlay uses, ascending."""
        return self.directory.fresh_rows

    @property
    def identity(self) -> tuple[int, int]:
        """Returns what changes when rows do: this mapping's number, and how many items have been added to it."""
        return self._serial, self.directory.added_count

    @property
    def rows_beside_index(self) -> Rows:
        """Returns the rows that a search of the ANN index may miss, ascending: unreached ones and those newer than it."""
        unreached, fresh = self.arrays.unreached_rows, self.directory.fresh_rows
        if not len(unreached):
            return fresh
        return np.concatenate((unreached, fresh)) if len(fresh) else unreached

    def rows_of(self, item_ids: Sequence[str]) -> Rows:
        """Returns the row of each id, int32[n], -1 where unknown."""
        return self.directory.rows_of(item_ids)

    def rows_of_keys(self, keys: NDArray[np.uint64]) -> Rows:
        """Returns the row of each item key, int32[n], -1 where unknown."""
        return self.directory.rows_of_keys(keys)

    def item_id(self, row: int) -> str:
        """Returns the id of a row in use."""
        return self.directory.item_id(row)

    def item_ids(self, rows: ArrayLike) -> list[str]:
        """Returns the ids of rows in use; that of row -1 is empty."""
        return self.directory.item_ids(rows)

    def title(self, row: int) -> str:
        """Returns the title of a row in use."""
        return self.directory.title(row)

    def rows_in_category(self, code: int) -> tuple[int, int]:
        """Returns (start, stop) of the release's own rows of a category; (0, 0) when it has none.

        As of the release: a row that has changed its category since is found by its entry in arrays.category.
        """
        return self._category_ranges.get(code, (0, 0))

    def popularity(self, kind: str, scope: str, value: str = "") -> tuple[Rows, Floats] | None:
        """Returns a ranked list's (rows, scores), best first, or None; see format.popularity_list_name."""
        number = self._lists.get(popularity_list_name(kind, scope, value))
        if number is None:
            return None
        arrays = self.arrays
        start, stop = arrays.popularity_offsets[number : number + 2]
        return arrays.popularity_rows[start:stop], arrays.popularity_scores[start:stop]

    def search_ann(self, vector: Floats, k: int) -> tuple[Rows, Floats]:
        """Returns the (rows, similarities) of about the k nearest items, best first; fewer in a small release.

        vector: float32[VECTOR_DIMS]. Similarity: the cosine as the int8 index sees it for ``cos``; the float32
        inner product for ``ip``, because an int8 index normalises what it stores.
        """
        arrays = self.arrays
        rows, similarities = search_graph(
            vector,
            arrays.ann_codes,
            arrays.ann_links,
            arrays.upper_rows,
            arrays.upper_links,
            arrays.upper_down,
            self._ann_effort,
            max(k, 0),
        )
        if self.model.ann_metric == "cos":
            return rows, similarities
        scores = exact_search(vector, arrays.item_vectors, rows)
        order = np.lexsort((rows, -scores))
        return rows[order], scores[order]


def _names(vocabularies: object) -> dict[str, list[str]]:
    if not isinstance(vocabularies, dict):
        raise ContractBroken(f"{VOCABULARIES_PATH} was not verified")
    return vocabularies


def _list_numbers(lists: object) -> dict[str, int]:
    if not isinstance(lists, list):
        raise ContractBroken(f"{POPULARITY_LISTS_PATH} was not verified")
    return {name: number for number, name in enumerate(lists)}


def _open_text_encoder(release: MappedRelease) -> TextEncoder:
    config = read_json(release.path, TEXT_ENCODER_CONFIG_PATH)
    if not isinstance(config, dict):
        raise ContractBroken(f"{TEXT_ENCODER_CONFIG_PATH} was not verified")
    arrays = {"idf": release.arrays.idf, "projection": release.arrays.projection}
    return TextEncoder.from_arrays(config, arrays)


def _category_ranges(category: Rows) -> dict[int, tuple[int, int]]:
    if not category.size:
        return {}
    starts = np.flatnonzero(np.diff(category, prepend=category[0] - 1))
    stops = np.append(starts[1:], len(category))
    return {int(category[start]): (int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)}
