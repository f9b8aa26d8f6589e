"""The items that filters will drop for what the request and the user's record say."""

from __future__ import annotations

import numpy as np

from server.pipeline.stages import QueryHydrator
from server.query import NO_ROWS, RecommendQuery, Rows


class UnwantedItemsHydrator(QueryHydrator[RecommendQuery, Rows]):
    """Joins excluded, bought and hidden items, so that sources can look further for those that are wanted."""

    produces = "unwanted_rows"

    def hydrate(self, query: RecommendQuery) -> Rows:
        """Returns their rows, sorted, each once."""
        lists = []
        if query.items is not None:
            lists.append(query.items.excluded_rows)
        if query.history is not None:
            lists.append(query.history.hidden_rows)
            if query.scenario.exclude_bought:
                lists.append(query.history.bought_rows)
        lists = [rows for rows in lists if len(rows)]
        if len(lists) > 1:
            return np.unique(np.concatenate(lists))
        return lists[0] if lists else NO_ROWS
