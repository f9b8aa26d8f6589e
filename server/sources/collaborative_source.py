"""Neighbours of what the user did."""

from __future__ import annotations

import numpy as np

from ext import accumulate_neighbours, top_k
from server.pipeline.query import Retrieved
from server.pipeline.stages import Source
from server.query import Floats, RecommendQuery, Rows
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
        rows, scores, because = self._look_up(query)
        if len(query.release.new_item_kin):
            rows, scores, because = _with_new_items(query, rows, scores, because)
        if query.restricted:
            kept = inside(query, rows)
            rows, scores, because = rows[kept], scores[kept], because[kept]
        length = wanted_length(query, rows, self._limit)
        return Retrieved(rows[:length], scores[:length], because[:length])

    def _look_up(self, query: RecommendQuery) -> tuple[Rows, Floats, Rows]:
        """Returns the neighbours that the release's table holds, their scores, and the history's items behind them."""
        history, arrays = query.history, query.release.arrays
        assert history is not None
        rows, scores, because = accumulate_neighbours(
            history.item_rows,
            history.item_weights,
            arrays.neighbour_offsets,
            arrays.neighbour_rows,
            arrays.neighbour_codes,
            arrays.neighbour_scales,
            overfetch(query, lengthened(query, self._limit)),
        )
        return rows, scores, history.item_rows[because]


def _with_new_items(
    query: RecommendQuery, rows: Rows, scores: Floats, because: Rows
) -> tuple[Rows, Floats, Rows]:
    """Adds the new items, which have no neighbours yet, with what they borrow from the items they are like."""
    new_rows, new_scores, lenders = query.release.new_item_kin.borrowed(rows, scores)
    rows, because = np.concatenate((rows, new_rows)), np.concatenate((because, because[lenders]))
    scores = np.concatenate((scores, new_scores))
    best = top_k(scores, len(scores))
    return rows[best], scores[best], because[best]
