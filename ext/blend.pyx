"""Merging of the sources' lists into one, each row once, by a table from row to place."""

import numpy as np

from ext._heap cimport sift_down, sort_best_first
from ext._types cimport bits_t, row_t


cdef Py_ssize_t _accept(
    const row_t[::1] rows, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t quota,
    row_t[::1] place, row_t[::1] chosen, Py_ssize_t count, Py_ssize_t limit
) noexcept nogil:
    """Accepts up to `quota` new rows of one list; returns the new count."""
    cdef Py_ssize_t entry, taken = 0
    for entry in range(start, stop):
        if taken >= quota or count >= limit:
            break
        if place[rows[entry]] < 0:
            place[rows[entry]] = <row_t>count
            chosen[count] = rows[entry]
            count += 1
            taken += 1
    return count


cdef void _add_list(
    const row_t[::1] rows, const float[::1] scores, Py_ssize_t start, Py_ssize_t stop, float weight,
    Py_ssize_t source, Py_ssize_t sources, const row_t[::1] place,
    float* source_scores, bits_t[::1] nominated, float[::1] blend
) noexcept nogil:
    """Adds one list's normalised scores to the accepted rows. A row's first entry in the list counts."""
    cdef Py_ssize_t entry, at
    cdef float low, high, score
    if start >= stop:
        return
    low = high = scores[start]
    for entry in range(start, stop):
        low = min(low, scores[entry])
        high = max(high, scores[entry])
    for entry in range(start, stop):
        at = place[rows[entry]]
        if at < 0 or nominated[at] & (<bits_t>1 << source):
            continue
        score = (scores[entry] - low) / (high - low) if high > low else 1
        nominated[at] |= <bits_t>1 << source
        source_scores[at * sources + source] = score
        blend[at] += weight * score


def blend_candidates(
    const row_t[::1] rows not None,
    const float[::1] scores not None,
    const row_t[::1] offsets not None,
    const float[::1] weights not None,
    const row_t[::1] quotas not None,
    Py_ssize_t limit,
    row_t[::1] scratch_position not None,
):
    """Merges the sources' lists into at most `limit` candidates, each row once: see ext.reference."""
    cdef Py_ssize_t sources = weights.shape[0], s, i, j, count = 0
    if offsets.shape[0] != sources + 1 or quotas.shape[0] != sources or sources > 32:
        raise ValueError("one offset more than sources, one quota and one weight a source, at most 32 sources")
    if rows.shape[0] != scores.shape[0] or offsets[sources] > rows.shape[0]:
        raise ValueError("rows and scores differ in length, or offsets reach beyond them")
    if limit < 0:
        raise ValueError("limit must not be negative")
    limit = min(limit, rows.shape[0])
    cdef row_t[::1] chosen = np.empty(limit, np.int32)
    cdef float[::1] blend = np.zeros(limit, np.float32)
    cdef bits_t[::1] nominated = np.zeros(limit, np.uint32)
    cdef float[::1] listed = np.zeros(limit * sources, np.float32)
    with nogil:
        for s in range(sources):
            count = _accept(rows, offsets[s], offsets[s + 1], quotas[s], scratch_position, chosen, count, limit)
        for s in range(sources):
            count = _accept(rows, offsets[s], offsets[s + 1], limit, scratch_position, chosen, count, limit)
        if count:
            for s in range(sources):
                _add_list(
                    rows, scores, offsets[s], offsets[s + 1], weights[s], s, sources,
                    scratch_position, &listed[0], nominated, blend
                )
    out_rows = np.empty(count, np.int32)
    out_blend = np.empty(count, np.float32)
    out_nominated = np.empty(count, np.uint32)
    out_scores = np.empty((count, sources), np.float32)
    cdef row_t[::1] rows_view = out_rows
    cdef float[::1] blend_view = out_blend
    cdef bits_t[::1] nominated_view = out_nominated
    cdef float[:, ::1] scores_view = out_scores
    cdef Py_ssize_t at
    with nogil:
        for i in range(count):
            rows_view[i] = chosen[i]
            blend_view[i] = blend[i]
        if count:
            for i in range(count // 2 - 1, -1, -1):
                sift_down(&blend_view[0], &rows_view[0], i, count)
            sort_best_first(&blend_view[0], &rows_view[0], count)
        for i in range(count):
            at = scratch_position[rows_view[i]]
            nominated_view[i] = nominated[at]
            for j in range(sources):
                scores_view[i, j] = listed[at * sources + j]
        for i in range(count):
            scratch_position[chosen[i]] = -1
    return out_rows, out_blend, out_nominated, out_scores
