"""Factors for items that nobody has taken yet: lent by those whose text is like theirs.

Towers of factors know items by what was taken with them. A server lends an item that is newer than its release what
its kin have (server/releases/new_item_kin.py); the same is done here, so that the item does not lose it with the
next release, which may come before its first event.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ext import top_k
from offline.model.two_tower import TwoTowerModel
from server.releases.new_item_kin import COMPARED_ROWS_MAX, KIN_MAX, shares_of

Floats = NDArray[np.float32]

LENT_ROWS_MAX = 20_000
"""Items that are lent factors: each one's text is compared with those of all that have some."""

_BLOCK_ROWS = 64


def lend_factors(model: TwoTowerModel, title_embeddings: Floats) -> int:
    """Fills the rows of the learnt embeddings that are zero; returns how many were lent some.

    title_embeddings: float32[I, T], unit length or zero; an item without a text keeps its zeros, and so do the items
    after the first LENT_ROWS_MAX. Compared are the first COMPARED_ROWS_MAX that have factors.
    """
    factors = model.history_embeddings()
    has_factors = factors.any(1)
    lenders = np.flatnonzero(has_factors)[:COMPARED_ROWS_MAX].astype(np.int32)
    rows = np.flatnonzero(~has_factors & title_embeddings.any(1))[:LENT_ROWS_MAX]
    if not len(rows) or not len(lenders):
        return 0
    texts = np.ascontiguousarray(title_embeddings[lenders].T)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = rows[start : start + _BLOCK_ROWS]
        alike = np.asarray(title_embeddings[block] @ texts, np.float32)
        best = np.stack([top_k(row, KIN_MAX) for row in alike])
        shares = shares_of(np.take_along_axis(alike, best, axis=1))
        lent = (shares[:, :, None] * factors[lenders[best]]).sum(axis=1)
        with torch.no_grad():
            model.id_embedding.weight[torch.from_numpy(block)] = torch.from_numpy(lent)
    return len(rows)
