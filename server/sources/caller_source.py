"""The caller's own list, to be put in order."""

from __future__ import annotations

import numpy as np

from server.pipeline.degradation import ESSENTIAL
from server.pipeline.query import NOTHING_RETRIEVED, Retrieved
from server.pipeline.stages import Source
from server.query import RecommendQuery


class CallerSource(Source[RecommendQuery]):
    """Proposes the items that the caller names, all with the same score."""

    policy = ESSENTIAL

    def retrieve(self, query: RecommendQuery) -> Retrieved:
        """Returns the known items in the caller's order."""
        if query.items is None:
            return NOTHING_RETRIEVED
        rows = query.items.caller_rows
        return Retrieved(rows, np.ones(len(rows), np.float32))
