"""Items near the user among the vectors of the two towers."""

from __future__ import annotations

import numpy as np

from ext import exact_search, keep_not_in, top_k
from server.pipeline.query import Retrieved
from server.pipeline.stages import Source
from server.query import Floats, RecommendQuery, Rows
from server.sources.category_restriction import inside, overfetch, rows_in_categories
from server.sources.list_length import lengthened, wanted_length


class EmbeddingSource(Source[RecommendQuery]):
    """Searches the ANN index with the user's vector; a small category is scanned exactly instead.

    Items newer than the release are in no index, and a few others are not reached in it: they are scanned beside it, or
    the ranker would take them for items far from the user. limit: wanted entries of the list. scan_rows_max: rows of the wanted categories up to
    which they are scanned.
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
        vector = query.user_vector
        if query.release.model.ann_metric == "cos":
            vector = vector / max(float(np.sqrt(vector @ vector)), 1e-12)
        rows, scores = self._search(query, vector)
        length = wanted_length(query, rows, self._limit)
        return Retrieved(rows[:length], scores[:length])

    def _search(self, query: RecommendQuery, vector: Floats) -> tuple[Rows, Floats]:
        release, asked = query.release, lengthened(query, self._limit)
        scanned = rows_in_categories(query, self._scan_rows_max) if query.restricted else None
        if scanned is None:
            rows, scores = release.search_ann(vector, overfetch(query, asked))
            scanned = release.rows_beside_index
            if not query.restricted and not len(scanned):
                return rows, scores
            # What a search of its own would miss, another may well meet.
            kept = keep_not_in(rows, scanned)
            rows, scores = rows[kept], scores[kept]
        else:
            rows, scores = scanned[:0], np.empty(0, np.float32)
            scanned = np.concatenate((scanned, release.fresh_rows))
        rows = np.concatenate((rows, scanned))
        scores = np.concatenate((scores, exact_search(vector, release.arrays.item_vectors, scanned)))
        if query.restricted:
            kept = inside(query, rows)
            rows, scores = rows[kept], scores[kept]
        best = top_k(scores, asked)
        return rows[best], scores[best]
