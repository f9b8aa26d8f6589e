"""Items like the ones that the page is about."""

from __future__ import annotations

import numpy as np

from ext import accumulate_neighbours, blend_candidates
from server.pipeline.query import Retrieved
from server.pipeline.stages import Source
from server.query import Floats, RecommendQuery, Rows
from server.sources.category_restriction import inside, overfetch
from server.sources.list_length import cut

_WEIGHTS = np.array([0.7, 0.3], np.float32)
"""What users did with items together says more than how near their vectors are."""


class ContextNeighboursSource(Source[RecommendQuery]):
    """Blends the neighbours of the context items with the items nearest to their mean vector.

    limit: length of the list.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the page is about items, of which this release knows one."""
        return self._limit > 0 and len(query.context_rows) > 0

    def retrieve(self, query: RecommendQuery) -> Retrieved:
        """Returns the similar items; because = the context item."""
        limit = cut(query, self._limit)
        wanted = overfetch(query, limit)
        neighbours, neighbour_scores = self._neighbours(query, wanted)
        nearest, nearest_scores = self._nearest(query, wanted)
        offsets = np.array([0, len(neighbours), len(neighbours) + len(nearest)], np.int32)
        rows, scores, _, _ = blend_candidates(
            np.concatenate((neighbours, nearest)),
            np.concatenate((neighbour_scores, nearest_scores)),
            offsets,
            _WEIGHTS,
            np.full(2, wanted, np.int32),
            wanted,
        )
        if query.restricted:
            kept = inside(query, rows)
            rows, scores = rows[kept], scores[kept]
        rows, scores = rows[:limit], scores[:limit]
        return Retrieved(rows, scores, self._because(query, rows))

    @staticmethod
    def _neighbours(query: RecommendQuery, limit: int) -> tuple[Rows, Floats]:
        arrays = query.release.arrays
        rows, scores, _ = accumulate_neighbours(
            query.context_rows,
            np.ones(len(query.context_rows), np.float32),
            arrays.neighbour_offsets,
            arrays.neighbour_rows,
            arrays.neighbour_codes,
            arrays.neighbour_scales,
            limit,
        )
        return rows, scores

    @staticmethod
    def _nearest(query: RecommendQuery, limit: int) -> tuple[Rows, Floats]:
        vectors = query.release.arrays.item_vectors[query.context_rows]
        mean = vectors.mean(axis=0, dtype=np.float32)
        return query.release.search_ann(mean, limit)

    @staticmethod
    def _because(query: RecommendQuery, rows: Rows) -> Rows:
        """Returns the nearest context item of each row."""
        context = query.context_rows
        if len(context) == 1:
            return np.full(len(rows), context[0], np.int32)
        vectors = query.release.arrays.item_vectors
        nearest: Rows = context[(vectors[rows] @ vectors[context].T).argmax(axis=1)]
        return nearest
