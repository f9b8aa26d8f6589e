"""Takes item changes that were made while serving into the next release and into the catalogue.

A release can take a change over when the built row has the same text, category, brand and image: prices, stock
and flags are columns, but a new item, or a new title, needs a row and vectors that only a build makes. The
release takes all entries of the overlay log up to the first that it cannot take; servers go on applying the rest.
The catalogue takes every entry, so that the next build knows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from offline.importing.catalog import DEFAULTS, ITEM_SCHEMA
from server.releases.overlay import NetChange, fold_changes
from server.stores.protocols import ItemChange

COLUMN_FIELDS = ("price", "in_stock", "promoted", "hidden", "added_time_s", "expire_time_s")
_CONTENT = {"title": "title", "category_id": "category", "brand": "brand"}


@dataclass(frozen=True, slots=True)
class MergedItems:
    """items: with the changes up to overlay_sequence in their columns. left: entries that stay in the overlay."""

    items: pa.Table
    overlay_sequence: int
    left: int


def merge_changes(items: pa.Table, changes: Sequence[ItemChange], sequence: int) -> MergedItems:
    """Returns the rows of items.parquet with as many of the changes as a release can take, in order.

    changes: newer than `sequence`, which is what the catalogue of the build had already.
    """
    rows = {item_id: row for row, item_id in enumerate(items.column("item_id").to_pylist())}
    content = {
        name: items.column(name).to_pylist() for name in ("title", "category", "brand", "image_embedding")
    }
    taken = list(changes)
    while taken:
        net, _ = fold_changes(taken)
        refused = {i for i, change in net.items() if not _fits(change, rows.get(i), content)}
        if not refused:
            break
        first = next(at for at, change in enumerate(taken) if change.item_id in refused)
        taken = taken[:first]
    net, last = fold_changes(taken)
    merged = _with_columns(items, {rows[i]: change for i, change in net.items() if i in rows})
    return MergedItems(merged, last or sequence, len(changes) - len(taken))


def catalogue_changes(changes: Sequence[ItemChange]) -> pa.Table:
    """Returns the net changes as rows for offline.importing.catalog.upsert_items; null leaves a value as it is.

    A deleted item stays in the catalogue, hidden, because events name it.
    """
    net, _ = fold_changes(changes)
    records = [_catalogue_row(item_id, change) for item_id, change in net.items()]
    columns = {
        field.name: pa.array([r.get(field.name) for r in records], field.type) for field in ITEM_SCHEMA
    }
    return pa.table(columns, schema=ITEM_SCHEMA)


def _fits(change: NetChange, row: int | None, content: Mapping[str, Sequence[object]]) -> bool:
    """Whether a built row can hold the change in its columns."""
    if change.deleted:
        return True
    if row is None:
        return False
    for field, column in _CONTENT.items():
        wanted = change.patch.get(field, "" if change.reset else None)
        if wanted is not None and wanted != content[column][row]:
            return False
    image = change.patch.get("image_embedding")
    return image is None or image == content["image_embedding"][row]


def _with_columns(items: pa.Table, changes: Mapping[int, NetChange]) -> pa.Table:
    for name in COLUMN_FIELDS:
        values = items.column(name).to_pylist()
        for row, change in changes.items():
            if change.deleted:
                values[row] = True if name == "hidden" else values[row]
            elif name in change.patch:
                values[row] = change.patch[name]
            elif change.reset:
                values[row] = DEFAULTS[name]
        place = items.schema.get_field_index(name)
        items = items.set_column(place, name, pa.array(values, items.schema.field(name).type))
    return items


def _catalogue_row(item_id: str, change: NetChange) -> dict[str, object]:
    if change.deleted:
        return {"item_id": item_id, "hidden": True}
    row: dict[str, object] = {**DEFAULTS} if change.reset else {}
    row |= {name: change.patch[name] for name in COLUMN_FIELDS if name in change.patch}
    row |= {column: change.patch[field] for field, column in _CONTENT.items() if field in change.patch}
    if change.patch.get("image_embedding"):
        row["image_embedding"] = change.patch["image_embedding"]
    return {"item_id": item_id, **row}
