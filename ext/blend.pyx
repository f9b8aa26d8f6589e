"""Merging of the sources' lists into one, each row once, by a table from row to place."""

import numpy as np

from libc.math cimport INFINITY
from libc.stdint cimport INT32_MAX, uint64_t

from ext._places cimport close_places, find_place, open_places, place_t, places_t, put_place
from ext._rows cimport check_rows
from ext._sorting cimport best_first_key, radix_sort
from ext._types cimport bits_t, row_t


cdef Py_ssize_t _accept(
    const row_t[::1] rows, const float[::1] scores, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t quota,
    const places_t* places, row_t[::1] chosen, Py_ssize_t count, Py_ssize_t limit
) noexcept nogil:
    """Accepts up to `quota` new rows of one list; returns the new count."""
    cdef Py_ssize_t entry, taken = 0
    cdef place_t* slot
    for entry in range(start, stop):
        if taken >= quota or count >= limit:
            break
        slot = find_place(places, rows[entry])
        if slot.row_after == 0 and scores[entry] == scores[entry]:
            put_place(slot, rows[entry], count)
            chosen[count] = rows[entry]
            count += 1
            taken += 1
    return count


cdef void _add_list(
    const row_t[::1] rows, const float[::1] scores, Py_ssize_t start, Py_ssize_t stop, float weight,
    Py_ssize_t source, Py_ssize_t sources, const places_t* places,
    float[::1] listed, bits_t[::1] nominated, float[::1] blend
) noexcept nogil:
    """Adds one list's normalised scores to the accepted rows. A row's first entry in the list counts."""
    cdef Py_ssize_t entry, at
    cdef float low = INFINITY, high = -INFINITY, score
    cdef bits_t bit = <bits_t>1 << source
    cdef place_t* slot
    for entry in range(start, stop):
        # A NaN loses both comparisons.
        low = scores[entry] if scores[entry] < low else low
        high = scores[entry] if scores[entry] > high else high
    for entry in range(start, stop):
        slot = find_place(places, rows[entry])
        at = slot.place
        if slot.row_after == 0 or nominated[at] & bit or scores[entry] != scores[entry]:
            continue
        score = (scores[entry] - low) / (high - low) if high > low else 1
        nominated[at] |= bit
        listed[at * sources + source] = score
        blend[at] += weight * score


cdef uint64_t* _best_first(
    const row_t[::1] chosen, const float[::1] blend, Py_ssize_t count, uint64_t[::1] keys
) noexcept nogil:
    """Returns the accepted rows' sort keys in order; keys has room for them twice."""
    cdef Py_ssize_t i
    for i in range(count):
        keys[i] = best_first_key(blend[i], chosen[i])
    return radix_sort(&keys[0], &keys[count], count)


cdef int _check(
    const row_t[::1] rows, const float[::1] scores, const row_t[::1] offsets, const row_t[::1] quotas,
    Py_ssize_t sources, Py_ssize_t limit
) except -1:
    cdef Py_ssize_t s
    if offsets.shape[0] != sources + 1 or quotas.shape[0] != sources or sources > 32:
        raise ValueError("one offset more than sources, one quota and one weight a source, at most 32 sources")
    if rows.shape[0] != scores.shape[0]:
        raise ValueError("rows and scores differ in length")
    if limit < 0:
        raise ValueError("limit must not be negative")
    if offsets[0] < 0 or offsets[sources] > rows.shape[0]:
        raise ValueError("offsets reach beyond the lists")
    for s in range(sources):
        if offsets[s] > offsets[s + 1]:
            raise ValueError("offsets must ascend")
    return 0


def blend_candidates(
    const row_t[::1] rows not None,
    const float[::1] scores not None,
    const row_t[::1] offsets not None,
    const float[::1] weights not None,
    const row_t[::1] quotas not None,
    Py_ssize_t limit,
):
    """Merges the sources' lists into at most `limit` candidates, each row once: see ext.reference."""
    cdef Py_ssize_t sources = weights.shape[0], s, i, count = 0
    _check(rows, scores, offsets, quotas, sources, limit)
    check_rows(rows, 0, INT32_MAX)
    limit = min(limit, rows.shape[0])
    cdef places_t places = [NULL, 0]
    cdef row_t[::1] chosen = np.empty(limit, np.int32)
    cdef float[::1] blend = np.zeros(limit, np.float32)
    cdef bits_t[::1] nominated = np.zeros(limit, np.uint32)
    cdef float[::1] listed = np.zeros(limit * sources, np.float32)
    open_places(&places, limit)
    try:
        for s in range(2 * sources):  # the quotas first, then what is left
            i = s % sources
            count = _accept(
                rows, scores, offsets[i], offsets[i + 1], quotas[i] if s < sources else limit,
                &places, chosen, count, limit
            )
        for s in range(sources):
            _add_list(
                rows, scores, offsets[s], offsets[s + 1], weights[s], s, sources,
                &places, listed, nominated, blend
            )
        return _in_order(chosen, blend, nominated, listed, count, sources, &places)
    finally:
        close_places(&places)


cdef tuple _in_order(
    const row_t[::1] chosen, const float[::1] blend, const bits_t[::1] nominated, const float[::1] listed,
    Py_ssize_t count, Py_ssize_t sources, const places_t* places
):
    """Returns the accepted rows' columns, best first."""
    out_rows = np.empty(count, np.int32)
    out_blend = np.empty(count, np.float32)
    out_nominated = np.empty(count, np.uint32)
    out_scores = np.empty((count, sources), np.float32)
    if count == 0:
        return out_rows, out_blend, out_nominated, out_scores
    cdef row_t[::1] rows_view = out_rows
    cdef float[::1] blend_view = out_blend
    cdef bits_t[::1] nominated_view = out_nominated
    cdef float[:, ::1] scores_view = out_scores
    cdef uint64_t[::1] keys = np.empty(2 * count, np.uint64)
    cdef const uint64_t* ordered = _best_first(chosen, blend, count, keys)
    cdef Py_ssize_t i, j, at
    for i in range(count):
        rows_view[i] = <row_t>(ordered[i] & 0x7fffffff)
        at = find_place(places, rows_view[i]).place
        blend_view[i] = blend[at]
        nominated_view[i] = nominated[at]
        for j in range(sources):
            scores_view[i, j] = listed[at * sources + j]
    return out_rows, out_blend, out_nominated, out_scores
