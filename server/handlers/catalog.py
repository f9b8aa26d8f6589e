"""The use cases of the catalogue: changes go to the overlay log and are served from the next request on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Protocol

from server.errors import FieldViolation, InvalidRequest, NotFound
from server.handlers.messages import CatalogItem
from server.releases.format import ItemFlag
from server.releases.mapped_release import MappedRelease
from server.releases.overlay import fold_changes
from server.stores.protocols import OverlayLog

_PATCH_FIELDS = tuple(field.name for field in fields(CatalogItem) if field.name != "item_id")


class CurrentRelease(Protocol):
    """Where the release to read from is found."""

    def current(self) -> MappedRelease:
        """Returns it, with every item change so far. Raises NotReady where there is none."""
        ...


class CatalogHandler:
    """Changes and reads items.

    announce: takes the sequence number of a change that is in the log, and makes every worker look at the log
    before its next request. now_s: epoch seconds, the added time of new items that come without one.
    """

    def __init__(
        self,
        overlay_log: OverlayLog,
        releases: CurrentRelease,
        *,
        announce: Callable[[int], object],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._overlay_log = overlay_log
        self._releases = releases
        self._announce = announce
        self._now_s = now_s

    def upsert_items(self, items: Sequence[CatalogItem]) -> int:
        """Creates and changes items, all or none; returns the overlay sequence of the last change.

        Raises InvalidRequest for an image embedding that has not the release's width.
        """
        release = self._releases.current()
        _check_images(items, release.manifest.image_dims)
        rows = release.rows_of([item.item_id for item in items]).tolist()
        dated = [
            item if _is_known(release, item.item_id, row) else self._with_added_time(item)
            for item, row in zip(items, rows, strict=True)
        ]
        return self._append([(item.item_id, False, _patch(item)) for item in dated])

    def delete_items(self, item_ids: Sequence[str]) -> list[str]:
        """Takes items out of the catalogue; returns the ids that were not in it."""
        release = self._releases.current()
        rows = release.rows_of(item_ids).tolist()
        known = [_is_known(release, i, row) for i, row in zip(item_ids, rows, strict=True)]
        there = [item_id for item_id, is_known in zip(item_ids, known, strict=True) if is_known]
        if there:
            self._append([(item_id, True, {}) for item_id in there])
        return [item_id for item_id, is_known in zip(item_ids, known, strict=True) if not is_known]

    def get_item(self, item_id: str) -> CatalogItem:
        """Returns an item with every change so far. Raises NotFound."""
        release = self._releases.current()
        row = int(release.rows_of([item_id])[0])
        if not _is_known(release, item_id, row):
            raise NotFound("item", item_id, reason="ITEM_NOT_FOUND")
        return _item_of_row(release, item_id, row) if row >= 0 else self._unplaced_item(release, item_id)

    def _unplaced_item(self, release: MappedRelease, item_id: str) -> CatalogItem:
        """Returns an item that found no spare row from the changes themselves."""
        changes = self._overlay_log.read_after(release.manifest.overlay_sequence)
        net, _ = fold_changes(change for change in changes if change.item_id == item_id)
        patch = net[item_id].patch if item_id in net else {}
        values = {"in_stock": True, "promoted": False, "hidden": False, **patch}
        return CatalogItem(item_id=item_id, **values)  # type: ignore[arg-type]

    def _with_added_time(self, item: CatalogItem) -> CatalogItem:
        return item if item.added_time_s is not None else replace(item, added_time_s=int(self._now_s()))

    def _append(self, changes: Sequence[tuple[str, bool, dict[str, object]]]) -> int:
        sequence = self._overlay_log.append(changes)
        self._announce(sequence)
        return sequence


def _is_known(release: MappedRelease, item_id: str, row: int) -> bool:
    if row < 0:
        return item_id in release.unplaced_item_ids
    return row not in release.deleted_rows


def _patch(item: CatalogItem) -> dict[str, object]:
    values = {name: getattr(item, name) for name in _PATCH_FIELDS}
    return {name: value for name, value in values.items() if value is not None}


def _check_images(items: Sequence[CatalogItem], image_dims: int) -> None:
    violations = [
        FieldViolation(
            f"items[{i}].image_embedding",
            "FIELD_MALFORMED",
            f"the release's image embeddings have {image_dims} values, this one has {len(item.image_embedding)}",
        )
        for i, item in enumerate(items)
        if item.image_embedding is not None and len(item.image_embedding) != image_dims
    ]
    if violations:
        raise InvalidRequest(violations)


def _item_of_row(release: MappedRelease, item_id: str, row: int) -> CatalogItem:
    arrays = release.arrays
    flags, price = int(arrays.flags[row]), float(arrays.price[row])
    image = arrays.image_embeddings[row]
    return CatalogItem(
        item_id=item_id,
        title=release.title(row) or None,
        category_id=release.category_vocabulary.name(int(arrays.category[row])) or None,
        brand=release.brand_vocabulary.name(int(arrays.brand[row])) or None,
        price=price if price >= 0 else None,
        in_stock=bool(flags & ItemFlag.IN_STOCK),
        promoted=bool(flags & ItemFlag.PROMOTED),
        hidden=bool(flags & ItemFlag.HIDDEN),
        added_time_s=int(arrays.added_time_s[row]) or None,
        expire_time_s=int(arrays.expire_time_s[row]),
        image_embedding=tuple(image.tolist()) if image.any() else None,
    )
