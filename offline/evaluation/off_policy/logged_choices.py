"""The log that the estimators read, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LoggedChoices:
    """One shown item a row.

    item_ids: the vocabulary. items: i64[n], indexes into it. positions: i64[n], from 0. rewards: f64[n], such as
    1 for a click. propensities: f64[n] in (0, 1], of the item at its position under the policy that served.
    groups: i64[n], from 0 without gaps; rows of one group, such as one reply, depend on each other and are
    resampled together. request_ids: by group; empty where each row stands alone.
    """

    item_ids: Sequence[str]
    items: NDArray[np.int64]
    positions: NDArray[np.int64]
    rewards: NDArray[np.float64]
    propensities: NDArray[np.float64]
    groups: NDArray[np.int64]
    request_ids: Sequence[str] = ()

    def __len__(self) -> int:
        return int(self.items.size)

    @property
    def position_count(self) -> int:
        """One more than the last position that occurs."""
        return int(self.positions.max(initial=-1)) + 1
