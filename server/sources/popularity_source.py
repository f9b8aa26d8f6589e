"""What is popular where the list is shown."""

from __future__ import annotations

import numpy as np

from server.pipeline.query import NOTHING_RETRIEVED, Retrieved
from server.pipeline.stages import Source
from server.query import RecommendQuery
from server.sources.list_length import lengthened, wanted_length


class PopularityList:
    """Finds a request's own popularity list: of its categories, else of its page type, else of the whole shop.

    kind: ``popular``, or ``trending`` for what sells faster than it used to.
    """

    def __init__(self, kind: str = "popular") -> None:
        self._kind = kind

    def find(self, query: RecommendQuery, limit: int) -> Retrieved:
        """Returns the best `limit` entries."""
        if query.restricted:
            return self._of_categories(query, limit)
        release = query.release
        found = release.popularity(self._kind, "page_type", query.page_type.name)
        if found is None:
            found = release.popularity(self._kind, "global")
        return NOTHING_RETRIEVED if found is None else Retrieved(found[0][:limit], found[1][:limit])

    def _of_categories(self, query: RecommendQuery, limit: int) -> Retrieved:
        names = [query.release.categories[code] for code in query.category_codes.tolist()]
        found = [query.release.popularity(self._kind, "category", name) for name in names]
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
    """Proposes the popular items: beside personal sources those that are trending, which add what these do not
    know yet; to a user of whom nothing is known, whose list it alone fills, those that are popular.

    limit: wanted entries beside the personal sources. alone_limit: the same for a user of whom nothing is known.
    """

    def __init__(self, limit: int, alone_limit: int) -> None:
        self._limit = limit
        self._alone_limit = alone_limit
        self._popular = PopularityList("popular")
        self._trending = PopularityList("trending")

    def retrieve(self, query: RecommendQuery) -> Retrieved:
        """Returns the trending items, or the popular ones where none are."""
        limit = self._limit if query.personal else self._alone_limit
        length = lengthened(query, limit)
        # Without the user's vector this list carries half of the weight, or all of it: no place for news alone.
        beside_taste = query.personal and query.user_vector is not None
        found = self._trending.find(query, length) if beside_taste else NOTHING_RETRIEVED
        rows, scores, _ = found if len(found.rows) else self._popular.find(query, length)
        length = wanted_length(query, rows, limit)
        return Retrieved(rows[:length], scores[:length])
