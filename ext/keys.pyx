"""Rows of item keys, which are hashes: where a key must stand is guessed from its size, so few cache lines are read."""

import numpy as np

from libc.stdint cimport int64_t, uint64_t

from ext._types cimport row_t

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t high_product(uint64_t a, uint64_t b) { return (uint64_t)(((unsigned __int128)a * b) >> 64); }
    """
    uint64_t high_product(uint64_t a, uint64_t b) noexcept nogil

cdef enum:
    GUESSES = 2


cdef inline Py_ssize_t _about(const uint64_t[::1] keys, uint64_t wanted) noexcept nogil:
    """Returns about where a key stands, in bounds, if keys are spread evenly; anything else if they are not."""
    cdef Py_ssize_t n = keys.shape[0], at = <Py_ssize_t>high_product(wanted, <uint64_t>n), _guess
    cdef double spacing = 18446744073709551616.0 / <double>n
    for _guess in range(GUESSES):
        at += <Py_ssize_t>(<double><int64_t>(wanted - keys[at]) / spacing)
        at = 0 if at < 0 else (n - 1 if at >= n else at)
    return at


cdef inline Py_ssize_t _place(const uint64_t[::1] keys, uint64_t wanted) noexcept nogil:
    """Returns the place of the first key that is not smaller: from the guess outwards, then by halves."""
    cdef Py_ssize_t n = keys.shape[0], low, high, middle, step = 1
    low = high = _about(keys, wanted)
    while low > 0 and keys[low] >= wanted:
        high = low
        low = max(low - step, 0)
        step *= 2
    step = 1
    while high < n and keys[high] < wanted:
        low = high
        high = min(high + step, n)
        step *= 2
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


def find_rows(
    const uint64_t[::1] sorted_keys not None, const row_t[::1] rows not None, const uint64_t[::1] wanted not None
):
    """Returns the row of each wanted key, int32[n], -1 where there is none: see ext.reference."""
    if sorted_keys.shape[0] != rows.shape[0]:
        raise ValueError("sorted_keys and rows differ in length")
    cdef Py_ssize_t n = sorted_keys.shape[0], i, at
    found = np.full(wanted.shape[0], -1, np.int32)
    cdef row_t[::1] out = found
    if n == 0:
        return found
    for i in range(wanted.shape[0]):
        at = _place(sorted_keys, wanted[i])
        if at < n and sorted_keys[at] == wanted[i]:
            out[i] = rows[at]
    return found
