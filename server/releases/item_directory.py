"""Item ids, keys, rows and titles of one mapped release, with the items that the overlay has added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ext import decode_ids, find_rows
from server.features.identity import item_key
from server.releases.release_arrays import ReleaseArrays


class ItemDirectory:
    """One writer at a time (the overlay), any number of readers, who see an added item wholly or not at all."""

    def __init__(self, arrays: ReleaseArrays, item_count: int, capacity: int) -> None:
        self._arrays = arrays
        self._item_count = item_count
        self._capacity = capacity
        self._added_ids: list[str] = []
        self._changed_titles: dict[int, str] = {}
        self._added: tuple[NDArray[np.uint64], NDArray[np.int32]] = (
            np.empty(0, np.uint64),
            np.empty(0, np.int32),
        )

    @property
    def fresh_rows(self) -> NDArray[np.int32]:
        """Returns the rows, ascending, that hold items newer than the release."""
        return np.arange(self._item_count, self._item_count + len(self._added[0]), dtype=np.int32)

    @property
    def added_count(self) -> int:
        """Returns how many items are newer than the release."""
        return len(self._added[0])

    def rows_of(self, item_ids: Sequence[str]) -> NDArray[np.int32]:
        """Returns the row of each id, -1 where this release does not know it."""
        keys = np.fromiter((item_key(item_id) for item_id in item_ids), np.uint64, len(item_ids))
        return self.rows_of_keys(keys)

    def rows_of_keys(self, keys: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Returns the row of each item key, -1 where this release does not know it."""
        arrays = self._arrays
        rows = find_rows(arrays.sorted_keys, arrays.sorted_key_rows, keys)
        added_keys, added_rows = self._added
        if added_keys.size:
            missing = np.flatnonzero(rows < 0)
            rows[missing] = find_rows(added_keys, added_rows, keys[missing])
        return rows

    def item_id(self, row: int) -> str:
        """Returns the id of a row in use."""
        if row >= self._item_count:
            return self._added_ids[row - self._item_count]
        offsets = self._arrays.id_offsets
        return self._arrays.id_bytes[offsets[row] : offsets[row + 1]].tobytes().decode()

    def item_ids(self, rows: ArrayLike) -> list[str]:
        """Returns the ids of rows in use; that of row -1 is empty."""
        rows = np.asarray(rows, np.int32)
        if len(rows) and rows.max() >= self._item_count:
            return [self.item_id(row) if row >= 0 else "" for row in rows.tolist()]
        return decode_ids(rows, self._arrays.id_bytes, self._arrays.id_offsets)

    def title(self, row: int) -> str:
        """Returns the title of a row in use, empty where there is none."""
        changed = self._changed_titles.get(row)
        if changed is not None or row >= self._item_count:
            return changed or ""
        offsets = self._arrays.title_offsets
        return self._arrays.title_bytes[offsets[row] : offsets[row + 1]].tobytes().decode()

    def set_title(self, row: int, title: str) -> None:
        """Changes a row's title in this process."""
        self._changed_titles[row] = title

    def add(self, item_ids: Iterable[str]) -> dict[str, int]:
        """Gives each new id a spare row, in order, until there are no more; returns the rows of those placed."""
        placed: dict[str, int] = {}
        free = self._capacity - self._item_count - len(self._added_ids)
        for item_id in item_ids:
            if len(placed) == free:
                break
            placed[item_id] = self._item_count + len(self._added_ids)
            self._added_ids.append(item_id)
        if placed:
            self._publish(placed)
        return placed

    def _publish(self, placed: dict[str, int]) -> None:
        rows = np.fromiter(placed.values(), np.int32, len(placed))
        keys = np.fromiter((item_key(item_id) for item_id in placed), np.uint64, len(placed))
        self._arrays.keys[rows] = keys
        all_keys = np.concatenate([self._added[0], keys])
        all_rows = np.concatenate([self._added[1], rows])
        order = np.argsort(all_keys)
        self._added = (all_keys[order], all_rows[order])
