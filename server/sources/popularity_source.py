"""What is popular where the list is shown."""

from __future__ import annotations

import numpy as np

from server.pipeline.query import NOTHING_RETRIEVED, Retrieved
from server.pipeline.stages import Source
from server.query import RecommendQuery
from server.sources.list_length import lengthened, wanted_length


class PopularityList:
    """Finds a request's own popularity list: of its categories, else of its page type, else of the whole shop."""

    def find(self, query: RecommendQuery, limit: int) -> Retrieved:
        """Returns the best `limit` entries."""
        if query.restricted:
            return self._of_categories(query, limit)
        release = query.release
        found = release.popularity("popular", "page_type", query.page_type.name)
        if found is None:
            found = release.popularity("popular", "global")
        return NOTHING_RETRIEVED if found is None else Retrieved(found[0][:limit], found[1][:limit])

    @staticmethod
    def _of_categories(query: RecommendQuery, limit: int) -> Retrieved:
        names = [query.release.categories[code] for code in query.category_codes.tolist()]
        found = [query.release.popularity("popular", "category", name) for name in names]
        lists = [each for each in found if each is not None]
        if not lists:
            return NOTHING_RETRIEVED
        if len(lists) == 1:
            return Retrieved(lists[0][0][:limit], lists[0][1][:limit])
        rows = np.concatenate([rows for rows, _ in lists])
        scores = np.concatenate([scores for _, scores in lists])
        best = np.argsort(-scores, kind="stable")[:limit]
        return Retrieved(rows[best], scores[best])


class PopularitySource(Source[RecommendQuery]):
    """Proposes the popular items.

    limit: wanted entries beside the personal sources. alone_limit: the same for a user of whom nothing
    is known, whose list it alone fills.
    """

    def __init__(self, limit: int, alone_limit: int) -> None:
        self._limit = limit
        self._alone_limit = alone_limit
        self._list = PopularityList()

    def retrieve(self, query: RecommendQuery) -> Retrieved:
        """Returns the popular items."""
        limit = self._limit if query.personal else self._alone_limit
        rows, scores, _ = self._list.find(query, lengthened(query, limit))
        length = wanted_length(query, rows, limit)
        return Retrieved(rows[:length], scores[:length])
