"""Everything else that could be shown, for lists that would come out short."""

from __future__ import annotations

import numpy as np

from server.pipeline.degradation import ESSENTIAL
from server.pipeline.query import Retrieved
from server.pipeline.stages import Source
from server.query import RecommendQuery, Rows
from server.sources.category_restriction import inside
from server.sources.popularity_source import PopularityList


class BackfillSource(Source[RecommendQuery]):
    """Proposes the request's whole popularity list, then the shop's, then rows of the catalogue as they stand.

    scan_rows_max: rows of the catalogue, or of each wanted category, that are looked at.
    Its scores fall with the rank: 1, 1/2, 1/3 and so on.
    """

    policy = ESSENTIAL

    def __init__(self, scan_rows_max: int) -> None:
        self._scan_rows_max = scan_rows_max
        self._list = PopularityList()

    def retrieve(self, query: RecommendQuery) -> Retrieved:
        """Returns rows, each once, the popular ones first."""
        rows = np.concatenate(self._lists(query))
        _, first = np.unique(rows, return_index=True)
        rows = rows[np.sort(first)]
        return Retrieved(rows, np.reciprocal(np.arange(1, len(rows) + 1, dtype=np.float32)))

    def _lists(self, query: RecommendQuery) -> list[Rows]:
        release = query.release
        lists = [self._list.find(query, release.capacity).rows]
        shop = release.popularity("popular", "global")
        shop_rows = [] if shop is None else [shop[0]]
        if not query.restricted:
            scanned = np.arange(min(release.item_count, self._scan_rows_max), dtype=np.int32)
            return [*lists, *shop_rows, release.fresh_rows, scanned]
        lists += [rows[inside(query, rows)] for rows in (*shop_rows, release.fresh_rows)]
        for code in query.category_codes.tolist():
            start, stop = release.rows_in_category(code)
            lists.append(np.arange(start, min(stop, start + self._scan_rows_max), dtype=np.int32))
        return lists
