"""What sources share when a request wants items of some categories only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import keep_codes
from server.query import NO_ROWS, RecommendQuery, Rows

OVERFETCH = 8
"""How many times as many entries a source asks for, where most of them will be outside the wanted categories."""


def inside(query: RecommendQuery, rows: Rows) -> NDArray[np.bool_]:
    """Returns a mask, true for the rows that are in a wanted category."""
    return keep_codes(rows, query.release.arrays.category, query.category_codes)


def overfetch(query: RecommendQuery, limit: int) -> int:
    """Returns how many entries to ask for, so that `limit` of them are likely to be wanted."""
    return limit * OVERFETCH if query.restricted else limit


def rows_in_categories(query: RecommendQuery, rows_max: int) -> Rows | None:
    """Returns the release's rows of the wanted categories; None where they are more than rows_max."""
    spans = [query.release.rows_in_category(code) for code in query.category_codes.tolist()]
    if sum(stop - start for start, stop in spans) > rows_max:
        return None
    if not spans:
        return NO_ROWS
    return np.concatenate([np.arange(start, stop, dtype=np.int32) for start, stop in spans])
