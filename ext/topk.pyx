"""Selection of the k largest scores by a bounded heap: O(n log k), one pass, no copy of the input."""

import numpy as np

from ext._heap cimport offer, sort_best_first
from ext._types cimport row_t


def top_k(const float[::1] scores not None, Py_ssize_t k):
    """Returns the positions of the k largest scores, best first, ties by position; NaN is left out. int32."""
    if k < 0:
        raise ValueError("k must not be negative")
    cdef Py_ssize_t n = scores.shape[0], i, size = 0
    k = min(k, n)
    positions = np.empty(k, np.int32)
    if k == 0:
        return positions
    cdef row_t[::1] keys = positions
    cdef float[::1] heap = np.empty(k, np.float32)
    for i in range(n):
        size = offer(&heap[0], &keys[0], size, k, scores[i], <row_t>i)
    sort_best_first(&heap[0], &keys[0], size)
    return positions[:size]
