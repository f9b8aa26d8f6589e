"""The catalogue of the offline side: `catalog/items.parquet` and `catalog/users.parquet`, one row an id, by id.

A new value takes the place of the old one; a null leaves it as it is. So a price list with two columns changes
prices and nothing else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ITEM_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("price", pa.float64()),
        ("in_stock", pa.bool_()),
        ("promoted", pa.bool_()),
        ("hidden", pa.bool_()),
        ("added_time_s", pa.int64()),
        ("expire_time_s", pa.int64()),
        ("image_embedding", pa.list_(pa.float32())),
    ]
)
"""Text "" = none, price -1 = unknown, expire_time_s 0 = never, image_embedding null = none."""

USER_SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("age_bucket", pa.int8()),
        ("gender", pa.int8()),
        ("location_cluster", pa.int16()),
    ]
)
"""As event_types and declarations number them; 0, 0 and -1 = unknown."""

DEFAULTS: dict[str, str | float | bool] = {
    "title": "",
    "category": "",
    "brand": "",
    "price": -1.0,
    "in_stock": True,
    "promoted": False,
    "hidden": False,
    "added_time_s": 0,
    "expire_time_s": 0,
    "age_bucket": 0,
    "gender": 0,
    "location_cluster": -1,
}
ITEMS_FILE = "items.parquet"
USERS_FILE = "users.parquet"


def read_items(data_dir: Path) -> pa.Table:
    """Returns ITEM_SCHEMA, by item_id; no rows where nothing was imported."""
    return _read(data_dir / "catalog" / ITEMS_FILE, ITEM_SCHEMA)


def read_users(data_dir: Path) -> pa.Table:
    """Returns USER_SCHEMA, by user_id; no rows where nothing was imported."""
    return _read(data_dir / "catalog" / USERS_FILE, USER_SCHEMA)


def write_items(data_dir: Path, items: pa.Table) -> None:
    """Replaces the items with a table of ITEM_SCHEMA."""
    _write(data_dir / "catalog" / ITEMS_FILE, items.cast(ITEM_SCHEMA))


def upsert_items(data_dir: Path, changes: pa.Table) -> int:
    """Joins items into the catalogue. changes: item_id and any columns of ITEM_SCHEMA, the last row of an id wins.

    Returns how many ids it names.
    """
    return _upsert(data_dir / "catalog" / ITEMS_FILE, changes, ITEM_SCHEMA)


def upsert_users(data_dir: Path, changes: pa.Table) -> int:
    """Joins users into the catalogue, as upsert_items does with items."""
    return _upsert(data_dir / "catalog" / USERS_FILE, changes, USER_SCHEMA)


def joined(old: pa.Table, changes: pa.Table, schema: pa.Schema) -> pa.Table:
    """Returns old with the changes' values in place of its own, by the schema's first column, ascending."""
    key = schema.names[0]
    changes = changes.take(pa.array(_last_of_each(changes.column(key).combine_chunks())))
    old_ids, new_ids = old.column(key).combine_chunks(), changes.column(key).combine_chunks()
    added = new_ids.filter(pc.invert(pc.is_in(new_ids, value_set=old_ids)))
    ids = pa.concat_arrays([old_ids, added])
    ids = ids.take(pc.sort_indices(ids))
    from_old, from_new = pc.index_in(ids, value_set=old_ids), pc.index_in(ids, value_set=new_ids)
    columns = [ids]
    for field in list(schema)[1:]:
        values = old.column(field.name).combine_chunks().take(from_old)
        if field.name in changes.column_names:
            fresh = pc.cast(changes.column(field.name).combine_chunks(), field.type).take(from_new)
            values = pc.if_else(pc.is_valid(fresh), fresh, values)
        if field.name in DEFAULTS:
            values = pc.fill_null(values, pa.scalar(DEFAULTS[field.name], field.type))
        columns.append(values)
    return pa.Table.from_arrays(columns, schema=schema)


def _upsert(path: Path, changes: pa.Table, schema: pa.Schema) -> int:
    old = _read(path, schema)
    merged = joined(old, changes, schema)
    if not merged.equals(old):
        _write(path, merged)
    return len(pc.unique(changes.column(schema.names[0])))


def _last_of_each(ids: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    codes = ids.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    _, first_from_the_end = np.unique(codes[::-1], return_index=True)
    return np.sort(len(codes) - 1 - first_from_the_end).astype(np.int64)


def _read(path: Path, schema: pa.Schema) -> pa.Table:
    return (
        pq.ParquetFile(path).read().cast(schema).combine_chunks() if path.exists() else schema.empty_table()
    )


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)
