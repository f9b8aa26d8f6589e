"""Collaborative candidates: a user's history times the item-item table, kept sparse by a table of touched rows."""

import numpy as np

from libc.stdlib cimport free, malloc

from ext._heap cimport offer, sort_best_first
from ext._lanes cimport prefetch_value
from ext._places cimport close_places, find_place, open_places, place_t, places_t, put_place
from ext._types cimport code_t, row_t, time_t64

cdef enum:
    AHEAD = 2  # items of the history
    LINE_ROWS = 16  # rows of 4 bytes in a cache line of 64

cdef struct gain_t:
    row_t row
    row_t because
    float total
    float largest


cdef inline void _ask_for(
    const row_t[::1] history_rows, Py_ssize_t h, const time_t64[::1] offsets, const row_t[::1] rows,
    const code_t[::1] codes, const float[::1] scales
) noexcept nogil:
    """Asks for the cache lines of a later history item: where its list is, and of a sooner one's: the list."""
    cdef Py_ssize_t entry, items = offsets.shape[0] - 1, n = history_rows.shape[0]
    cdef row_t later
    if 0 <= h + 2 * AHEAD < n:
        later = history_rows[h + 2 * AHEAD]
        if 0 <= later < items:
            prefetch_value(&offsets[later])
            prefetch_value(&scales[later])
    if 0 <= h + AHEAD < n:
        later = history_rows[h + AHEAD]
        if 0 <= later < items:
            entry = offsets[later]
            while entry < offsets[later + 1]:
                prefetch_value(&rows[entry])
                prefetch_value(&codes[entry])
                entry += LINE_ROWS


cdef Py_ssize_t _accumulate(
    const row_t[::1] history_rows,
    const float[::1] history_weights,
    const time_t64[::1] offsets,
    const row_t[::1] rows,
    const code_t[::1] codes,
    const float[::1] scales,
    const places_t* places,
    gain_t* gains,
) noexcept nogil:
    """Adds up the gains, one entry a row; returns how many there are."""
    cdef Py_ssize_t h, entry, count = 0, items = offsets.shape[0] - 1
    cdef row_t row
    cdef float gain, weight
    cdef place_t* slot
    cdef gain_t* known
    for h in range(-2 * AHEAD, history_rows.shape[0]):
        _ask_for(history_rows, h, offsets, rows, codes, scales)
        row = history_rows[h] if h >= 0 else -1
        if row < 0 or row >= items:
            continue
        weight = history_weights[h] * scales[row]
        for entry in range(offsets[row], offsets[row + 1]):
            gain = weight * <float>codes[entry]
            slot = find_place(places, rows[entry])
            if slot.row_after == 0:
                put_place(slot, rows[entry], count)
                known = &gains[count]
                known.row = rows[entry]
                known.because = <row_t>h
                known.total = known.largest = gain
                count += 1
                continue
            known = &gains[slot.place]
            known.total += gain
            if gain > known.largest:
                known.largest = gain
                known.because = <row_t>h
    return count


cdef Py_ssize_t _entries(
    const row_t[::1] history_rows, const time_t64[::1] offsets, const row_t[::1] rows
) except -1:
    """Returns how many entries of the table the history leads to."""
    cdef Py_ssize_t h, entries = 0, items = offsets.shape[0] - 1
    for h in range(history_rows.shape[0]):
        if 0 <= history_rows[h] < items:
            entries += offsets[history_rows[h] + 1] - offsets[history_rows[h]]
            if offsets[history_rows[h]] < 0 or offsets[history_rows[h] + 1] > rows.shape[0]:
                raise ValueError("offsets reach beyond the table")
    return entries


def accumulate_neighbours(
    const row_t[::1] history_rows not None,
    const float[::1] history_weights not None,
    const time_t64[::1] offsets not None,
    const row_t[::1] rows not None,
    const code_t[::1] codes not None,
    const float[::1] scales not None,
    Py_ssize_t k,
):
    """Returns the k best neighbours of a history: see ext.reference."""
    if k < 0:
        raise ValueError("k must not be negative")
    if history_rows.shape[0] != history_weights.shape[0] or rows.shape[0] != codes.shape[0]:
        raise ValueError("rows and weights differ in length")
    if scales.shape[0] + 1 != offsets.shape[0]:
        raise ValueError("offsets and scales do not fit")
    cdef Py_ssize_t entries = _entries(history_rows, offsets, rows)
    cdef Py_ssize_t count, i, size = 0
    k = min(k, entries)
    found = np.empty(k, np.int32)
    scores = np.empty(k, np.float32)
    because = np.empty(k, np.int32)
    cdef row_t[::1] found_view = found, because_view = because
    cdef float[::1] scores_view = scores
    cdef places_t places = [NULL, 0]
    cdef gain_t* gains = NULL
    if k == 0:
        return found, scores, because
    try:
        open_places(&places, entries)
        gains = <gain_t*>malloc(entries * sizeof(gain_t))
        if gains == NULL:
            raise MemoryError
        count = _accumulate(history_rows, history_weights, offsets, rows, codes, scales, &places, gains)
        for i in range(count):
            size = offer(&scores_view[0], &found_view[0], size, k, gains[i].total, gains[i].row)
        sort_best_first(&scores_view[0], &found_view[0], size)
        for i in range(size):
            because_view[i] = gains[find_place(&places, found_view[i]).place].because
    finally:
        close_places(&places)
        free(gains)
    return found[:size], scores[:size], because[:size]
