"""What the items file says of the items that are ranked: their names and categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """By row of the split. names: the title, or the id where there is none. categories: i32 codes, -1 = none."""

    names: tuple[str, ...]
    categories: NDArray[np.int32]
    category_names: tuple[str, ...]


def item_facts(item_ids: Sequence[str], items: pa.Table | None) -> ItemFacts:
    """Returns the facts of the items, from the table as event_files.read_items gives it; None = nothing is known."""
    titles, categories = (_texts(item_ids, items, column) for column in ("title", "category"))
    names = tuple(title or item_id for title, item_id in zip(titles, item_ids, strict=True))
    category_names = sorted(set(categories) - {""})
    code_of = {name: code for code, name in enumerate(category_names)} | {"": -1}
    codes = np.array([code_of[category] for category in categories], np.int32)
    return ItemFacts(names, codes, tuple(category_names))


def _texts(item_ids: Sequence[str], items: pa.Table | None, column: str) -> list[str]:
    if items is None or column not in items.column_names:
        return [""] * len(item_ids)
    ids = items.column("item_id").combine_chunks()
    places = pc.index_in(pa.array(item_ids, pa.string()), value_set=ids)
    texts = pc.cast(items.column(column), pa.string()).combine_chunks().take(places)
    return [(text or "").strip() for text in texts.to_pylist()]
