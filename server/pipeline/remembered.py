"""What an earlier request found out, for the next one that is made of the same."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from server.pipeline.candidate_batch import CandidateBatch
    from server.pipeline.query import Retrieved


@dataclass(frozen=True, slots=True)
class RememberedRanking:
    """A request's candidates with their scores, as they were merged: filters and all that follows run anew.

    values: by field of the query, what later stages read of it. batch: all candidates, and before those that a filter had
    dropped, which have no score, those of scored.
    """

    values: Sequence[tuple[str, object]]
    retrieved: Sequence[Retrieved]
    batch: CandidateBatch
    scored: CandidateBatch
    scored_by: str

    def kept(self, mask: NDArray[np.bool_]) -> CandidateBatch | None:
        """Returns the candidates of batch that a mask keeps, scored; None where one of them has no score."""
        count = len(self.scored)
        inside = mask[:count]
        if np.count_nonzero(mask) > np.count_nonzero(inside):
            return None
        return self.scored if inside.all() else self.scored.keep(inside)


@dataclass(slots=True)
class Remembered:
    """The place of one ranking. Threads share it: the ranking is set once it is whole, and never written to.

    basis: what the ranking is made of. since_s: the budget's clock when the place was made.
    """

    basis: tuple[Hashable, ...] = ()
    since_s: float = 0.0
    ranking: RememberedRanking | None = None
