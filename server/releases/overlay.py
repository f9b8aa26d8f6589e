"""Item changes that are newer than the release, written into a mapped release's copy-on-write arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ext import tower_forward
from server.features.encoding import ItemFeatures, encode_items
from server.releases.format import ItemFlag
from server.releases.mapped_release import MappedRelease
from server.releases.new_item_kin import COMPARED_ROWS_MAX, find_kin, shares_of

_EMBED_ROWS = 1_024
_DAY_S = 86_400
_LENGTH_MIN = 1e-12
_BORROWED_COUNTS = ("view_count_7d", "purchase_count_7d", "trending_score")
_CONTENT_FIELDS = frozenset(("title", "category_id", "brand", "image_embedding"))
_FLAG_FIELDS = (
    ("in_stock", ItemFlag.IN_STOCK),
    ("promoted", ItemFlag.PROMOTED),
    ("hidden", ItemFlag.HIDDEN),
)


class ItemChange(Protocol):
    """One entry of the overlay log, as server.stores.protocols has it. patch: CatalogItem's fields that are set."""

    @property
    def sequence(self) -> int:
        """The entry's number."""
        ...

    @property
    def item_id(self) -> str:
        """The item that changes."""
        ...

    @property
    def deleted(self) -> bool:
        """Whether the item goes away; the patch is empty then."""
        ...

    @property
    def patch(self) -> Mapping[str, object]:
        """Values by field name; absent fields stay as they are."""
        ...


@dataclass(slots=True)
class NetChange:
    """What several changes of one item come to. reset: the item begins anew, without its old values."""

    deleted: bool = False
    reset: bool = False
    patch: dict[str, object] = field(default_factory=dict)

    def add(self, change: ItemChange) -> None:
        """Adds a later change. A deleted item that is upserted again begins anew."""
        if change.deleted:
            self.deleted, self.reset, self.patch = True, True, {}
        else:
            self.deleted = False
            self.patch.update(change.patch)


def fold_changes(changes: Iterable[ItemChange]) -> tuple[dict[str, NetChange], int]:
    """Returns the net change of each item, in order of first mention, and the last sequence number (0: none)."""
    net: dict[str, NetChange] = {}
    sequence = 0
    for change in changes:
        net.setdefault(change.item_id, NetChange()).add(change)
        sequence = change.sequence
    return net, sequence


class Overlay:
    """Applies changes to one release at a time. The caller lets one thread in at a time; readers go on."""

    def apply(self, release: MappedRelease, changes: Iterable[ItemChange]) -> None:
        """Brings a release up to the last of the changes.

        A new item takes a spare row and gets its vectors from its text and values. When no spare row is left the
        item is noted in ``release.unplaced_item_ids``. A row's flags are written last, so that a request sees a
        new item only when all of it is there.
        """
        net, sequence = fold_changes(changes)
        if not net:
            return
        rows = self._place(release, net)
        content_rows: list[int] = []
        flags: dict[int, int] = {}
        for item_id, change in net.items():
            row = rows.get(item_id, -1)
            if row >= 0:
                flags[row] = _write_row(release, row, change)
                if change.reset or not _CONTENT_FIELDS.isdisjoint(change.patch):
                    content_rows.append(row)
        for start in range(0, len(content_rows), _EMBED_ROWS):
            _embed(release, np.array(content_rows[start : start + _EMBED_ROWS], np.int32))
        for row, value in flags.items():
            release.arrays.flags[row] = value
        release.overlay_sequence = sequence

    def _place(self, release: MappedRelease, net: dict[str, NetChange]) -> dict[str, int]:
        """Returns the row of each item that has one; marks those that begin in it as reset."""
        item_ids = list(net)
        rows = dict(zip(item_ids, release.rows_of(item_ids).tolist(), strict=True))
        new = [item_id for item_id in item_ids if rows[item_id] < 0 and not net[item_id].deleted]
        placed = release.directory.add(new)
        rows.update(placed)
        release.unplaced_item_ids.update(item_id for item_id in new if item_id not in placed)
        release.unplaced_item_ids.difference_update(i for i in item_ids if net[i].deleted)
        for item_id, row in rows.items():
            change = net[item_id]
            change.reset |= item_id in placed or row in release.deleted_rows
        return rows


def _write_row(release: MappedRelease, row: int, change: NetChange) -> int:
    """Writes a row's columns and returns the flags that it is to have."""
    arrays = release.arrays
    if change.deleted:
        release.deleted_rows.add(row)
        return int(arrays.flags[row]) | ItemFlag.HIDDEN
    release.deleted_rows.discard(row)
    flags = int(arrays.flags[row])
    if change.reset:
        flags = int(ItemFlag.IN_STOCK)
        arrays.category[row] = arrays.brand[row] = -1
        arrays.price[row] = -1
        arrays.added_time_s[row] = arrays.expire_time_s[row] = 0
        arrays.image_embeddings[row] = 0
        release.directory.set_title(row, "")
    _write_patch(release, row, change.patch)
    for name, flag in _FLAG_FIELDS:
        if name in change.patch:
            flags = flags | flag if change.patch[name] else flags & ~flag
    return flags


def _write_patch(release: MappedRelease, row: int, patch: Mapping[str, object]) -> None:
    arrays = release.arrays
    columns: tuple[tuple[str, NDArray[np.float32] | NDArray[np.int64]], ...] = (
        ("price", arrays.price),
        ("added_time_s", arrays.added_time_s),
        ("expire_time_s", arrays.expire_time_s),
    )
    for name, column in columns:
        value = patch.get(name)
        if isinstance(value, int | float):
            column[row] = value
    if "category_id" in patch:
        arrays.category[row] = release.category_vocabulary.code(str(patch["category_id"]))
    if "brand" in patch:
        arrays.brand[row] = release.brand_vocabulary.code(str(patch["brand"]))
    if "title" in patch:
        release.directory.set_title(row, str(patch["title"]))
    image = patch.get("image_embedding")
    # A change logged before a release with another width must not stop the ones after it.
    if isinstance(image, Sequence) and len(image) == arrays.image_embeddings.shape[1]:
        arrays.image_embeddings[row] = image


def _embed(release: MappedRelease, rows: NDArray[np.int32]) -> None:
    """Computes the title embedding and the item vector of rows from what their columns say now."""
    arrays, weights = release.arrays, release.weights
    if release.text_encoder is not None:
        arrays.title_embeddings[rows] = release.text_encoder.encode(
            [release.title(int(row)) for row in rows],
            [release.category_vocabulary.name(int(code)) for code in arrays.category[rows]],
            [release.brand_vocabulary.name(int(code)) for code in arrays.brand[rows]],
        )
    _borrow(release, rows[rows >= release.item_count])
    inputs = encode_items(
        _features(release, rows),
        release.category_vocabulary.item_buckets,
        release.brand_vocabulary.item_buckets,
    )
    names = [f"item_{kind}{layer}" for layer in (1, 2, 3) for kind in ("w", "b")]
    vectors = tower_forward(inputs, *(weights[name] for name in names))
    if release.model.ann_metric == "cos":
        # Where nearness is an angle, the release's own vectors have unit length.
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _LENGTH_MIN)
    arrays.item_vectors[rows] = vectors


def _borrow(release: MappedRelease, rows: NDArray[np.int32]) -> None:
    """Gives new rows what is known of the catalogue items whose text is like theirs: neighbours, learnt embedding and
    counts."""
    if not len(rows):
        return
    texts = release.arrays.title_embeddings
    # As published: what is borrowed must not depend on the order in which items change.
    published = release.published_titles
    found = [
        find_kin(texts[row].astype(np.float32), published, _compared_rows(release, row))
        for row in rows.tolist()
    ]
    kin, likeness = (np.stack(part) for part in zip(*found, strict=True))
    release.new_item_kin.set(rows, kin, likeness)
    shares = shares_of(likeness)
    embeddings = release.arrays.history_embeddings
    embeddings[rows] = (shares[:, :, None] * embeddings[kin].astype(np.float32)).sum(axis=1)
    for name in _BORROWED_COUNTS:
        counts: NDArray[np.float32] = getattr(release.arrays, name)
        counts[rows] = (shares * counts[kin]).sum(axis=1)


def _compared_rows(release: MappedRelease, row: int) -> NDArray[np.int32]:
    """Returns the catalogue rows that a new row may borrow from."""
    if release.item_count <= COMPARED_ROWS_MAX:
        return np.arange(release.item_count, dtype=np.int32)
    start, stop = release.rows_in_category(int(release.arrays.category[row]))
    return np.arange(start, min(stop, start + COMPARED_ROWS_MAX), dtype=np.int32)


def _features(release: MappedRelease, rows: NDArray[np.int32]) -> ItemFeatures:
    """Returns the rows' features as of the release's creation, which is the same in every worker."""
    arrays = release.arrays
    age_days = (release.manifest.created_time_s - arrays.added_time_s[rows]) / _DAY_S
    flags = arrays.flags[rows]
    return ItemFeatures(
        category=arrays.category[rows],
        brand=arrays.brand[rows],
        price=arrays.price[rows],
        view_count_7d=arrays.view_count_7d[rows],
        purchase_count_7d=arrays.purchase_count_7d[rows],
        avg_rating=arrays.avg_rating[rows],
        num_ratings=arrays.num_ratings[rows],
        days_since_added=np.maximum(age_days, 0).astype(np.float32),
        trending_score=arrays.trending_score[rows],
        # A vacant row is about to become an item that is in stock; what a patch says of it is a filter's business.
        in_stock=((flags & (ItemFlag.IN_STOCK | ItemFlag.VACANT)) != 0).astype(np.float32),
        is_promoted=((flags & ItemFlag.PROMOTED) != 0).astype(np.float32),
        title_embedding=arrays.title_embeddings[rows].astype(np.float32),
        image_embedding=arrays.image_embeddings[rows],
        id_embedding=arrays.history_embeddings[rows].astype(np.float32),
    )
