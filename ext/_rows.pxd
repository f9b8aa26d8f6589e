# Checks of row numbers and look-ups in ascending lists. Bodies stand here so that they can be inlined.

from ext._types cimport row_t

cdef enum:
    SHORT_LIST = 32


cdef inline bint all_within(const row_t[::1] rows, Py_ssize_t first, Py_ssize_t stop) noexcept nogil:
    """Tells whether first <= row < stop for all rows; no early exit, so that the loop is vectorised."""
    cdef Py_ssize_t i
    cdef row_t low = <row_t>first, high = <row_t>min(stop, <Py_ssize_t>0x7fffffff)
    cdef int outside = 0
    for i in range(rows.shape[0]):
        outside |= (rows[i] < low) | (rows[i] >= high)
    return not outside


cdef inline int check_rows(const row_t[::1] rows, Py_ssize_t first, Py_ssize_t stop) except -1:
    """Raises IndexError unless first <= row < stop for all rows: the kernels' own loops check no bounds."""
    cdef bint within
    with nogil:
        within = all_within(rows, first, stop)
    if not within:
        raise IndexError(f"a row lies outside {first} to {stop - 1}")
    return 0


cdef inline bint contains(const row_t[::1] ascending, row_t wanted) noexcept nogil:
    """Tells whether an ascending list has a value. A short list is compared whole, four values at a time."""
    cdef Py_ssize_t low = 0, high = ascending.shape[0], middle, i
    cdef int found = 0
    if high <= SHORT_LIST:
        for i in range(high):
            found |= ascending[i] == wanted
        return found
    while low < high:
        middle = (low + high) >> 1
        if ascending[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low < ascending.shape[0] and ascending[low] == wanted
