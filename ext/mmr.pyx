"""Greedy selection by maximal marginal relevance with a cap a category."""

import numpy as np

from ext._types cimport row_t


cdef inline float _similarity(row_t category_a, row_t brand_a, row_t category_b, row_t brand_b) noexcept nogil:
    if category_a >= 0 and category_a == category_b:
        return 1
    if brand_a >= 0 and brand_a == brand_b:
        return 0.5
    return 0


cdef Py_ssize_t _best_open(
    const float[::1] scores, const row_t[::1] category, const float[::1] similar, const row_t[::1] taken,
    Py_ssize_t chosen, float weight, row_t cap
) noexcept nogil:
    """Returns the position of the best candidate that may be chosen, -1 if there is none.

    taken: how many of the candidate's own category are chosen already; -1 = the candidate itself is chosen.
    """
    cdef Py_ssize_t p, best = -1
    cdef float value, best_value = 0, seen = <float>max(chosen, 1)
    for p in range(scores.shape[0]):
        if taken[p] < 0 or (cap and category[p] >= 0 and taken[p] >= cap):
            continue
        value = scores[p] - weight * (similar[p] / seen)
        if best < 0 or value > best_value:
            best = p
            best_value = value
    return best


def mmr_select(
    const float[::1] scores not None,
    const row_t[::1] category not None,
    const row_t[::1] brand not None,
    Py_ssize_t count,
    float mmr_weight,
    int category_cap,
):
    """Returns up to `count` positions in order of selection: see ext.reference."""
    cdef Py_ssize_t n = scores.shape[0], p, best, chosen = 0
    if category.shape[0] != n or brand.shape[0] != n:
        raise ValueError("scores, category and brand differ in length")
    if count < 0 or category_cap < 0:
        raise ValueError("count and category_cap must not be negative")
    count = min(count, n)
    positions = np.empty(count, np.int32)
    cdef row_t[::1] out = positions
    cdef float[::1] similar = np.zeros(n, np.float32)
    cdef row_t[::1] taken = np.zeros(n, np.int32)
    for p in range(n):
        if scores[p] != scores[p]:
            taken[p] = -1
    while chosen < count:
        best = _best_open(scores, category, similar, taken, chosen, mmr_weight, category_cap)
        if best < 0:
            break
        out[chosen] = <row_t>best
        chosen += 1
        taken[best] = -1
        for p in range(n):
            if taken[p] >= 0:
                similar[p] += _similarity(category[p], brand[p], category[best], brand[best])
                if category[p] >= 0 and category[p] == category[best]:
                    taken[p] += 1
    # Only capped candidates are left: with a weight of 0 the same search orders them by score.
    while chosen < count:
        best = _best_open(scores, category, similar, taken, chosen, 0, 0)
        if best < 0:
            break
        out[chosen] = <row_t>best
        chosen += 1
        taken[best] = -1
    return positions[:chosen]
