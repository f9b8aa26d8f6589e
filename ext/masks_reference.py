"""The twins of the keep-masks of filters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Longs = NDArray[np.int64]
Mask = NDArray[np.bool_]


def check_rows(rows: Rows, stop: int) -> None:
    """Raises IndexError unless all rows are in 0 to stop - 1: NumPy would take a negative one for one from the end."""
    if len(rows) and not (rows.min() >= 0 and rows.max() < stop):
        raise IndexError(f"a row lies outside 0 to {stop - 1}")


def keep_flags(rows: Rows, flags: NDArray[np.uint8], required: int, forbidden: int) -> Mask:
    """Returns which rows have all required flag bits and no forbidden one, bool[n]."""
    check_rows(rows, len(flags))
    found = flags[rows]
    return np.asarray(((found & required) == required) & ((found & forbidden) == 0), np.bool_)


def keep_not_in(rows: Rows, excluded_sorted: Rows) -> Mask:
    """Returns which rows are not in an ascending list, bool[n]."""
    return ~np.isin(rows, excluded_sorted)


def count_until_wanted(rows: Rows, excluded_sorted: Rows, wanted: int) -> int:
    """Returns the length of the shortest beginning of rows with so many that are not in an ascending list; all of them
    where there are fewer."""
    places = np.flatnonzero(keep_not_in(rows, excluded_sorted))
    return int(places[wanted - 1]) + 1 if 0 < wanted <= len(places) else len(rows) if wanted else 0


def keep_codes(rows: Rows, codes: Rows, allowed_sorted: Rows) -> Mask:
    """Returns which rows have one of the allowed codes (ascending), bool[n]."""
    check_rows(rows, len(codes))
    return np.isin(codes[rows], allowed_sorted)


def keep_not_expired(rows: Rows, expire_time_s: Longs, now_s: int) -> Mask:
    """Returns which rows never expire (0) or expire after now_s, bool[n]."""
    check_rows(rows, len(expire_time_s))
    found = expire_time_s[rows]
    return np.asarray((found == 0) | (found > now_s), np.bool_)
