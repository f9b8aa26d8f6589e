"""Finds the rows of the ids that a request names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from server.pipeline.degradation import ESSENTIAL
from server.pipeline.stages import QueryHydrator
from server.query import RecommendQuery, RequestItems, Rows

_NOTHING = RequestItems()


class RequestItemsHydrator(QueryHydrator[RecommendQuery, RequestItems]):
    """Resolves context, excluded and the caller's own items, and categories. Essential: exclusions must hold."""

    produces = "items"
    policy = ESSENTIAL

    def hydrate(self, query: RecommendQuery) -> RequestItems:
        """Returns the rows and codes; ids that the release does not know are left out, and named as missing."""
        if not (
            query.context_item_ids or query.caller_item_ids or query.excluded_item_ids or query.category_ids
        ):
            return _NOTHING
        missing: list[str] = []
        context_rows = self._known(query, query.context_item_ids, missing)
        caller_rows = self._known(query, query.caller_item_ids, missing)
        return RequestItems(
            context_rows,
            caller_rows,
            self._excluded(query),
            self._codes(query),
            missing,
        )

    @staticmethod
    def _known(query: RecommendQuery, item_ids: Sequence[str], missing: list[str]) -> Rows:
        """Returns the known ids' rows, each once, in the caller's order; adds the others to `missing`."""
        if not item_ids:
            return np.empty(0, np.int32)
        distinct = list(dict.fromkeys(item_ids))
        rows = query.release.rows_of(distinct)
        unknown = rows < 0
        if unknown.any():
            missing.extend(distinct[at] for at in np.flatnonzero(unknown).tolist())
            rows = rows[~unknown]
        return rows

    @staticmethod
    def _excluded(query: RecommendQuery) -> Rows:
        if not query.excluded_item_ids:
            return np.empty(0, np.int32)
        rows = np.unique(query.release.rows_of(query.excluded_item_ids))
        return rows[np.searchsorted(rows, 0) :]

    @staticmethod
    def _codes(query: RecommendQuery) -> Rows:
        codes = query.release.category_codes
        return np.array(sorted({codes[name] for name in query.category_ids if name in codes}), np.int32)
