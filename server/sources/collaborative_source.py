"""Neighbours of what the user did."""

from __future__ import annotations

from ext import accumulate_neighbours
from server.pipeline.query import Retrieved
from server.pipeline.scratch import thread_scratch
from server.pipeline.stages import Source
from server.query import RecommendQuery
from server.sources.category_restriction import inside, overfetch
from server.sources.list_length import lengthened, wanted_length


class CollaborativeSource(Source[RecommendQuery]):
    """Sums the item-item neighbours of the history, each by its item's weight. limit: wanted entries of the list."""

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
            overfetch(query, lengthened(query, self._limit)),
        )
        if query.restricted:
            kept = inside(query, rows)
            rows, scores, because = rows[kept], scores[kept], because[kept]
        length = wanted_length(query, rows, self._limit)
        return Retrieved(rows[:length], scores[:length], history.item_rows[because[:length]])
