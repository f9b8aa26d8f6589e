"""Keep-masks of filters: one gather and one test a candidate."""

import numpy as np

from ext._rows cimport check_rows, contains
from ext._types cimport flags_t, row_t, time_t64


def keep_flags(const row_t[::1] rows not None, const flags_t[::1] flags not None, int required, int forbidden):
    """Returns which rows have all required flag bits and no forbidden one, bool[n]."""
    cdef Py_ssize_t i, n = rows.shape[0]
    check_rows(rows, 0, flags.shape[0])
    mask = np.empty(n, np.bool_)
    cdef flags_t[::1] out = mask.view(np.uint8)
    for i in range(n):
        out[i] = (flags[rows[i]] & required) == required and (flags[rows[i]] & forbidden) == 0
    return mask


def keep_not_in(const row_t[::1] rows not None, const row_t[::1] excluded_sorted not None):
    """Returns which rows are not in an ascending list, bool[n]."""
    cdef Py_ssize_t i, n = rows.shape[0]
    mask = np.empty(n, np.bool_)
    cdef flags_t[::1] out = mask.view(np.uint8)
    for i in range(n):
        out[i] = not contains(excluded_sorted, rows[i])
    return mask


def count_until_wanted(
    const row_t[::1] rows not None, const row_t[::1] excluded_sorted not None, Py_ssize_t wanted
):
    """Returns the length of the shortest beginning of rows with so many that are not excluded: see ext.reference."""
    if wanted < 0:
        raise ValueError("wanted must not be negative")
    cdef Py_ssize_t i = 0
    while i < rows.shape[0] and wanted > 0:
        wanted -= not contains(excluded_sorted, rows[i])
        i += 1
    return i


def keep_codes(
    const row_t[::1] rows not None, const row_t[::1] codes not None, const row_t[::1] allowed_sorted not None
):
    """Returns which rows have one of the allowed codes (ascending), bool[n]."""
    cdef Py_ssize_t i, n = rows.shape[0]
    check_rows(rows, 0, codes.shape[0])
    mask = np.empty(n, np.bool_)
    cdef flags_t[::1] out = mask.view(np.uint8)
    for i in range(n):
        out[i] = contains(allowed_sorted, codes[rows[i]])
    return mask


def keep_not_expired(const row_t[::1] rows not None, const time_t64[::1] expire_time_s not None, time_t64 now_s):
    """Returns which rows never expire (0) or expire after now_s, bool[n]."""
    cdef Py_ssize_t i, n = rows.shape[0]
    check_rows(rows, 0, expire_time_s.shape[0])
    mask = np.empty(n, np.bool_)
    cdef flags_t[::1] out = mask.view(np.uint8)
    for i in range(n):
        out[i] = expire_time_s[rows[i]] == 0 or expire_time_s[rows[i]] > now_s
    return mask
