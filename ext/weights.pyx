"""What each item of a history weighs for the sources that start from the history's items."""

import numpy as np

from libc.math cimport exp2

from ext._preferences cimport EVENT_TYPES
from ext._types cimport flags_t, row_t, time_t64

DAY_S = 86_400.0


cdef inline Py_ssize_t _strongest(
    row_t row, float weight, row_t[::1] items, float[::1] weights, Py_ssize_t count
) noexcept nogil:
    """Gives an item a weight, if it has no larger one; items ascend. Returns how many items there are."""
    cdef Py_ssize_t at = count, j
    while at > 0 and items[at - 1] >= row:
        at -= 1
    if at < count and items[at] == row:
        weights[at] = max(weights[at], weight)
        return count
    for j in range(count, at, -1):
        items[j] = items[j - 1]
        weights[j] = weights[j - 1]
    items[at] = row
    weights[at] = weight
    return count + 1


def weigh_items(
    const row_t[::1] rows not None,
    const time_t64[::1] times_s not None,
    const flags_t[::1] types not None,
    const float[::1] event_weights not None,
    double half_life_days,
):
    """Returns a history's distinct items, ascending, and their weights: see ext.reference."""
    cdef Py_ssize_t n = rows.shape[0], i, count = 0
    cdef double half_life_s = half_life_days * <double>DAY_S
    cdef time_t64 newest_s = 0
    if times_s.shape[0] != n or types.shape[0] != n or event_weights.shape[0] != EVENT_TYPES:
        raise ValueError("rows, times_s and types must have one length, event_weights 16 entries")
    items = np.empty(n, np.int32)
    weights = np.empty(n, np.float32)
    cdef row_t[::1] items_view = items
    cdef float[::1] weights_view = weights
    for i in range(n):
        newest_s = max(newest_s, times_s[i])
    for i in range(n):
        if rows[i] >= 0:
            count = _strongest(
                rows[i],
                <float>(event_weights[types[i] % EVENT_TYPES] * exp2(-<double>(newest_s - times_s[i]) / half_life_s)),
                items_view, weights_view, count,
            )
    return items[:count], weights[:count]
