"""Rows of item keys, which are hashes: where a key must stand is guessed from its size, so few cache lines are read."""

import numpy as np

from libc.stdint cimport int64_t, uint64_t

from ext._lanes cimport prefetch_value
from ext._types cimport row_t

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t high_product(uint64_t a, uint64_t b) { return (uint64_t)(((unsigned __int128)a * b) >> 64); }
    """
    uint64_t high_product(uint64_t a, uint64_t b) noexcept nogil

cdef enum:
    GUESSES = 2


cdef void _guess_places(const uint64_t[::1] keys, const uint64_t[::1] wanted, row_t[::1] about) noexcept nogil:
    """Writes about where each key stands, in bounds, if keys are spread evenly; anything else if they are not.

    Each guess asks for the cache line that the next one reads, for all keys before any is read.
    """
    cdef Py_ssize_t n = keys.shape[0], i, at, _guess
    cdef double spacing = 18446744073709551616.0 / <double>n
    for i in range(wanted.shape[0]):
        about[i] = <row_t>high_product(wanted[i], <uint64_t>n)
        prefetch_value(&keys[about[i]])
    for _guess in range(GUESSES):
        for i in range(wanted.shape[0]):
            at = about[i] + <Py_ssize_t>(<double><int64_t>(wanted[i] - keys[about[i]]) / spacing)
            about[i] = <row_t>(0 if at < 0 else (n - 1 if at >= n else at))
            prefetch_value(&keys[about[i]])


cdef inline Py_ssize_t _place(const uint64_t[::1] keys, uint64_t wanted, Py_ssize_t about) noexcept nogil:
    """Returns the place of the first key that is not smaller: from the guess outwards, then by halves."""
    cdef Py_ssize_t n = keys.shape[0], low, high, middle, step = 1
    low = high = about
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
    _guess_places(sorted_keys, wanted, out)
    for i in range(wanted.shape[0]):
        prefetch_value(&rows[out[i]])
    for i in range(wanted.shape[0]):
        at = _place(sorted_keys, wanted[i], out[i])
        out[i] = rows[at] if at < n and sorted_keys[at] == wanted[i] else -1
    return found
