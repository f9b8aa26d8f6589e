"""`work/items.parquet`: the rows of the next release, with everything known of each item as of the build."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from offline.features.histories import ITEM_COLUMNS
from offline.features.item_windows import ItemWindows
from offline.features.items import DAY_S
from server.errors import Refused
from server.features.identity import item_key

ITEMS_FILE = "items.parquet"


def release_rows(catalogue: pa.Table) -> pa.Table:
    """Returns the catalogue by category and item_id, with item_row, item_key, category_code and brand_code.

    Codes are places in the ascending list of names, -1 = none. catalogue: catalog.ITEM_SCHEMA. Raises Refused when
    two ids share a key.
    """
    order = [("category", "ascending"), ("item_id", "ascending")]
    items = catalogue.sort_by(order).combine_chunks()
    keys = np.fromiter((item_key(i) for i in items.column("item_id").to_pylist()), np.uint64, items.num_rows)
    if len(np.unique(keys)) < len(keys):
        raise Refused("two items have the same key: rename one of them", reason="ITEM_KEY_COLLISION")
    added = {
        "item_row": pa.array(np.arange(items.num_rows, dtype=np.int32)),
        "item_key": pa.array(keys),
        "category_code": name_codes(items.column("category")),
        "brand_code": name_codes(items.column("brand")),
    }
    for name, values in added.items():
        items = items.append_column(name, values)
    return items


def name_codes(names: pa.ChunkedArray) -> pa.Array:
    """Returns int32 codes: the place of each name in the ascending list of all, -1 for ""."""
    column = names.combine_chunks()
    vocabulary = pa.array(sorted(set(column.unique().to_pylist()) - {""}), pa.string())
    return pc.fill_null(pc.index_in(column, value_set=vocabulary), -1).cast(pa.int32())


def engine_items(items: pa.Table) -> pa.Table:
    """Returns histories.ITEM_COLUMNS: what the expressions need of items; category and brand are codes.

    items: of release_rows. Prices are rounded to float32 as the release has them, so both sides agree.
    """
    prices = items.column("price").cast(pa.float32(), safe=False).cast(pa.float64())
    columns = [items.column("item_id"), items.column("item_row"), items.column("category_code")]
    return pa.Table.from_arrays([*columns, items.column("brand_code"), prices], names=list(ITEM_COLUMNS))


def write_items_file(windows: ItemWindows, items: pa.Table, as_of_s: int, work_dir: Path) -> None:
    """Writes ITEMS_FILE: release_rows with ITEM_FEATURE_SCHEMA and days_since_added as of the build.

    windows: over items.item_events.
    """
    rows = items.column("item_row").to_numpy().astype(np.int64)
    for name, values in windows.values(rows, np.full(len(rows), as_of_s)).items():
        items = items.append_column(name, pa.array(values))
    age_days = (as_of_s - items.column("added_time_s").to_numpy()) / DAY_S
    items = items.append_column("days_since_added", pa.array(np.maximum(age_days, 0), pa.float32()))
    pq.write_table(items, work_dir / ITEMS_FILE, compression="zstd")
