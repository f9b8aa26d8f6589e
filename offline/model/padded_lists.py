"""Candidate lists as tensors, the shorter ones padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from offline.model.candidate_lists import CandidateList
from server.features.declarations import CROSS_FEATURES

PADDING = -1e9
"""The score of what only pads: below all others."""

SOURCE_COLUMNS = [
    CROSS_FEATURES.index(name) for name in ("collaborative_score", "embedding_score", "popularity_score")
]
"""Where the sources' scores are among the cross features."""


@dataclass(frozen=True, slots=True)
class PaddedLists:
    """L lists of up to N candidates: cross [L, N, C], dot [L, N], chosen, real bool[L, N]."""

    cross: Tensor
    dot: Tensor
    chosen: Tensor
    real: Tensor

    def __len__(self) -> int:
        return len(self.dot)

    def part(self, lists: Tensor) -> PaddedLists:
        """Returns the lists with these numbers."""
        return PaddedLists(self.cross[lists], self.dot[lists], self.chosen[lists], self.real[lists])

    def blend(self, weights: Sequence[float]) -> Tensor:
        """Returns what the server's merger makes of the sources' scores, [L, N].

        weights: of collaborative, embedding, popularity.
        """
        blended: Tensor = self.cross[..., SOURCE_COLUMNS] @ torch.tensor(weights, dtype=self.cross.dtype)
        return blended.masked_fill(~self.real, PADDING)


def pad(lists: Sequence[CandidateList]) -> PaddedLists:
    """Returns at least one list as tensors."""
    longest = max(len(found.rows) for found in lists)
    cross = np.zeros((len(lists), longest, len(CROSS_FEATURES)), np.float32)
    dot = np.zeros((len(lists), longest), np.float32)
    chosen, real = np.zeros((2, len(lists), longest), bool)
    for at, found in enumerate(lists):
        count = len(found.rows)
        cross[at, :count], dot[at, :count] = found.cross, found.dot
        chosen[at, :count], real[at, :count] = found.chosen, True
    return PaddedLists(*(torch.from_numpy(array) for array in (cross, dot, chosen, real)))
