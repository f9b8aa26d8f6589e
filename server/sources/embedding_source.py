"""Items near the user among the vectors of the two towers."""

from __future__ import annotations

from ext import exact_search, top_k
from server.pipeline.query import Retrieved
from server.pipeline.stages import Source
from server.query import RecommendQuery
from server.sources.category_restriction import inside, overfetch, rows_in_categories


class EmbeddingSource(Source[RecommendQuery]):
    """Searches the ANN index with the user's vector; a small category is scanned exactly instead.

    limit: length of the list. scan_rows_max: rows of the wanted categories up to which they are scanned.
    """

    def __init__(self, limit: int, scan_rows_max: int) -> None:
        self._limit = limit
        self._scan_rows_max = scan_rows_max

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the user has a vector."""
        return query.user_vector is not None

    def retrieve(self, query: RecommendQuery) -> Retrieved:
        """Returns the nearest items."""
        assert query.user_vector is not None
        if query.restricted:
            rows = rows_in_categories(query, self._scan_rows_max)
            if rows is not None:
                scores = exact_search(query.user_vector, query.release.arrays.item_vectors, rows)
                best = top_k(scores, self._limit)
                return Retrieved(rows[best], scores[best])
        rows, scores = query.release.search_ann(query.user_vector, overfetch(query, self._limit))
        if query.restricted:
            wanted = inside(query, rows).nonzero()[0][: self._limit]
            rows, scores = rows[wanted], scores[wanted]
        return Retrieved(rows, scores)
