"""Items that are newer than the release."""

from __future__ import annotations

from ext import exact_search, top_k
from server.pipeline.query import Retrieved
from server.pipeline.stages import Source
from server.query import RecommendQuery
from server.sources.category_restriction import inside
from server.sources.list_length import cut


class FreshSource(Source[RecommendQuery]):
    """Searches the overlay's new rows exactly: they are in no index and in no list. limit: length of the list."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether there are new items, and a vector to compare them with."""
        return self._limit > 0 and query.user_vector is not None and len(query.release.fresh_rows) > 0

    def retrieve(self, query: RecommendQuery) -> Retrieved:
        """Returns the new items that are nearest to the user."""
        assert query.user_vector is not None
        rows = query.release.fresh_rows
        if query.restricted:
            rows = rows[inside(query, rows)]
        scores = exact_search(query.user_vector, query.release.arrays.item_vectors, rows)
        best = top_k(scores, cut(query, self._limit))
        return Retrieved(rows[best], scores[best])
