"""Neighbours of what the user did."""

from __future__ import annotations

from ext import accumulate_neighbours
from server.pipeline.query import Retrieved
from server.pipeline.scratch import thread_scratch
from server.pipeline.stages import Source
from server.query import RecommendQuery
from server.sources.category_restriction import inside, overfetch


class CollaborativeSource(Source[RecommendQuery]):
    """Sums the item-item neighbours of the history, each by its item's weight. limit: length of the list."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the user has a history."""
        return query.personal

    def retrieve(self, query: RecommendQuery) -> Retrieved:
        """Returns the neighbours; because = the history's item that weighed most."""
        history, arrays = query.history, query.release.arrays
        assert history is not None
        scratch = thread_scratch(query.capacity)
        rows, scores, because = accumulate_neighbours(
            history.item_rows,
            history.item_weights,
            arrays.neighbour_offsets,
            arrays.neighbour_rows,
            arrays.neighbour_weights,
            scratch.scores,
            scratch.because,
            overfetch(query, self._limit),
        )
        because_rows = history.item_rows[because]
        if not query.restricted:
            return Retrieved(rows, scores, because_rows)
        wanted = inside(query, rows).nonzero()[0][: self._limit]
        return Retrieved(rows[wanted], scores[wanted], because_rows[wanted])
