"""How long a source's list must be, so that enough of it passes the filters."""

from __future__ import annotations

from ext import count_until_wanted
from server.query import RecommendQuery, Rows

LENGTHENED_MAX = 2
"""A list is lengthened by unwanted items to this many times its limit at most."""


_LENGTH_MIN = 2
"""No list is cut below this many times the number of items asked for."""


def cut(query: RecommendQuery, limit: int) -> int:
    """Returns what is left of a list's limit while the server saves work."""
    if query.quality >= 1:
        return limit
    return min(limit, max(round(limit * query.quality), query.num_items * _LENGTH_MIN))


def lengthened(query: RecommendQuery, limit: int) -> int:
    """Returns how many entries to ask for, so that `limit` of them are wanted even if all unwanted ones are there."""
    limit = cut(query, limit)
    return min(limit + len(query.unwanted_rows), limit * LENGTHENED_MAX)


def wanted_length(query: RecommendQuery, rows: Rows, limit: int) -> int:
    """Returns how many entries of a list to take to have `limit` wanted ones; all where there are fewer.

    Unwanted entries stay in: the filters drop them, and the report says how many and why.
    """
    limit = cut(query, limit)
    if len(rows) <= limit or not len(query.unwanted_rows):
        return limit
    return count_until_wanted(rows, query.unwanted_rows, limit)
