"""Category and brand names by code; names that are born after the release get the next codes of this process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from server.features.encoding import ITEM_HASH_BUCKETS, PREFERENCE_BUCKETS, bucket_table

NEW_NAMES_MAX = 10_000


class Vocabulary:
    """One writer at a time (the overlay), any number of readers: a code is visible only when all of it is."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names: tuple[str, ...] = tuple(names)
        self.codes: dict[str, int] = {name: code for code, name in enumerate(names)}
        self.user_buckets: NDArray[np.int32] = bucket_table(names, PREFERENCE_BUCKETS)
        self.item_buckets: NDArray[np.int32] = bucket_table(names, ITEM_HASH_BUCKETS)
        self._limit = len(self.names) + NEW_NAMES_MAX

    def code(self, name: str) -> int:
        """Returns a name's code, making one for a new name; -1 for the empty name and beyond NEW_NAMES_MAX."""
        if not name:
            return -1
        known = self.codes.get(name)
        if known is not None:
            return known
        code = len(self.names)
        if code >= self._limit:
            return -1
        self.user_buckets = np.append(self.user_buckets, bucket_table([name], PREFERENCE_BUCKETS))
        self.item_buckets = np.append(self.item_buckets, bucket_table([name], ITEM_HASH_BUCKETS))
        self.names = (*self.names, name)
        self.codes[name] = code
        return code

    def name(self, code: int) -> str:
        """Returns a code's name, empty for -1."""
        return self.names[code] if code >= 0 else ""
