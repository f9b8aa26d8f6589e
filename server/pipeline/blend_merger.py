"""Merges the sources' lists by quota, and blends their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ext import blend_candidates
from server.features.fusion import Fusion, fused_scores
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.query import Retrieved
from server.pipeline.stage import QueryT
from server.pipeline.stages import Merger


class BlendMerger(Merger[QueryT]):
    """Takes each source's first `quota` new rows, then what is left over, and blends the normalised scores.

    weights, quotas: one a source, in the pipeline's order. limit: candidates at most. fill: whether what is left
    over fills the batch up to the limit; where it does not, a source with quota 0 only adds to others' scores.
    fusion: what of the lists is blended. weights_of: the weights for a query, where they are not always the same.
    """

    def __init__(
        self,
        weights: Sequence[float],
        quotas: Sequence[int],
        limit: int,
        *,
        fill: bool = True,
        fusion: Fusion = "score",
        weights_of: Callable[[QueryT], NDArray[np.float32]] | None = None,
    ) -> None:
        self._weights = np.array(weights, np.float32)
        self._quotas = np.array(quotas, np.int32)
        self._limit = limit
        self._fill = fill
        self._fusion = fusion
        self._weights_of = weights_of

    def merge(self, query: QueryT, lists: Sequence[Retrieved]) -> CandidateBatch:
        """Returns the candidates by blended score, then by row."""
        lengths = [len(found.rows) for found in lists]
        offsets = np.zeros(len(lists) + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        limit = self._limit
        if not self._fill:
            limit = min(limit, int(np.minimum(lengths, self._quotas).sum()))
        rows, blend, nominated, source_scores = blend_candidates(
            np.concatenate([found.rows for found in lists]),
            fused_scores(np.concatenate([found.scores for found in lists]), offsets, self._fusion),
            offsets,
            self._weights if self._weights_of is None else self._weights_of(query),
            self._quotas,
            limit,
        )
        return CandidateBatch(rows, blend, nominated, source_scores)
