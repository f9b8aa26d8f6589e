"""Collaborative candidates: a user's history times the item-item table, kept sparse by a list of touched rows."""

import numpy as np

from ext._heap cimport offer, sort_best_first
from ext._types cimport code_t, row_t, time_t64


cdef Py_ssize_t _accumulate(
    const row_t[::1] history_rows,
    const float[::1] history_weights,
    const time_t64[::1] offsets,
    const row_t[::1] rows,
    const code_t[::1] codes,
    const float[::1] scales,
    float[::1] total,
    row_t[::1] because,
    float[::1] largest,
    row_t[::1] touched,
) noexcept nogil:
    """Adds up the gains; returns how many rows were touched. largest[j] belongs to touched[j]."""
    cdef Py_ssize_t h, entry, count = 0, items = offsets.shape[0] - 1
    cdef row_t row, candidate
    cdef float gain, weight
    for h in range(history_rows.shape[0]):
        row = history_rows[h]
        if row < 0 or row >= items:
            continue
        weight = history_weights[h] * scales[row]
        for entry in range(offsets[row], offsets[row + 1]):
            candidate = rows[entry]
            gain = weight * <float>codes[entry]
            # because[] holds the row's place in touched[]; a stale place points at another row and is not believed.
            if because[candidate] < 0 or because[candidate] >= count or touched[because[candidate]] != candidate:
                because[candidate] = <row_t>count
                touched[count] = candidate
                largest[2 * count] = gain
                largest[2 * count + 1] = <float>h
                total[candidate] = gain
                count += 1
            else:
                total[candidate] += gain
                if gain > largest[2 * because[candidate]]:
                    largest[2 * because[candidate]] = gain
                    largest[2 * because[candidate] + 1] = <float>h
    return count


def accumulate_neighbours(
    const row_t[::1] history_rows not None,
    const float[::1] history_weights not None,
    const time_t64[::1] offsets not None,
    const row_t[::1] rows not None,
    const code_t[::1] codes not None,
    const float[::1] scales not None,
    float[::1] scratch_scores not None,
    row_t[::1] scratch_because not None,
    Py_ssize_t k,
):
    """Returns the k best neighbours of a history: see ext.reference."""
    if k < 0:
        raise ValueError("k must not be negative")
    if history_rows.shape[0] != history_weights.shape[0] or rows.shape[0] != codes.shape[0]:
        raise ValueError("rows and weights differ in length")
    if scales.shape[0] + 1 != offsets.shape[0]:
        raise ValueError("offsets and scales do not fit")
    cdef Py_ssize_t h, most = 0, items = offsets.shape[0] - 1
    for h in range(history_rows.shape[0]):
        if 0 <= history_rows[h] < items:
            most += offsets[history_rows[h] + 1] - offsets[history_rows[h]]
    most = min(most, scratch_scores.shape[0])
    cdef row_t[::1] touched = np.empty(most, np.int32)
    cdef float[::1] largest = np.empty(2 * most, np.float32)
    k = min(k, most)
    found = np.empty(k, np.int32)
    scores = np.empty(k, np.float32)
    because = np.empty(k, np.int32)
    cdef row_t[::1] found_view = found, because_view = because
    cdef float[::1] scores_view = scores
    cdef Py_ssize_t count, i, size = 0
    with nogil:
        count = _accumulate(
            history_rows, history_weights, offsets, rows, codes, scales,
            scratch_scores, scratch_because, largest, touched,
        )
        if k > 0:
            for i in range(count):
                size = offer(&scores_view[0], &found_view[0], size, k, scratch_scores[touched[i]], touched[i])
            sort_best_first(&scores_view[0], &found_view[0], size)
        for i in range(size):
            because_view[i] = <row_t>largest[2 * scratch_because[found_view[i]] + 1]
        for i in range(count):
            scratch_scores[touched[i]] = 0
    return found[:size], scores[:size], because[:size]
