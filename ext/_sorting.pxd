# Sorting of (score, row) pairs packed into one number: no comparison, so nothing for a branch predictor to miss.

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from ext._types cimport row_t


cdef inline uint64_t best_first_key(float score, row_t row) noexcept nogil:
    """Returns a number that ascends as scores descend, then as rows ascend; NaN comes last. row >= 0."""
    cdef uint32_t bits
    if score != score:
        return <uint64_t>0xffffffff << 32 | <uint32_t>row
    if score == 0:
        score = 0  # minus zero equals zero, but its bits do not
    memcpy(&bits, &score, sizeof(bits))
    # Bits of positive floats ascend with their value, those of negative ones descend.
    bits = bits if bits >> 31 else ~bits & 0x7fffffff
    return <uint64_t>bits << 32 | <uint32_t>row


cdef inline uint64_t* radix_sort(uint64_t* keys, uint64_t* spare, Py_ssize_t n) noexcept nogil:
    """Sorts ascending, byte by byte from the lowest; returns the one of the two buffers that holds the result."""
    cdef uint32_t counts[8][256]
    cdef uint32_t place, here
    cdef Py_ssize_t i
    cdef int byte, value
    memset(counts, 0, sizeof(counts))
    for i in range(n):
        for byte in range(8):
            counts[byte][(keys[i] >> (8 * byte)) & 0xff] += 1
    for byte in range(8):
        if n == 0 or counts[byte][(keys[0] >> (8 * byte)) & 0xff] == <uint32_t>n:
            continue  # all keys agree in this byte
        place = 0
        for value in range(256):
            here = counts[byte][value]
            counts[byte][value] = place
            place += here
        for i in range(n):
            value = (keys[i] >> (8 * byte)) & 0xff
            spare[counts[byte][value]] = keys[i]
            counts[byte][value] += 1
        keys, spare = spare, keys
    return keys
