# From rows to their places in a list: a table as small as the list, so it stays in the processor's cache, where an
# array over all rows of a release would not. Open addressing, half empty at least.

from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free

from ext._types cimport row_t

cdef struct place_t:
    uint32_t row_after  # row + 1; 0 = free
    row_t place

cdef struct places_t:
    place_t* slots
    uint32_t mask


cdef inline int open_places(places_t* places, Py_ssize_t rows_max) except -1:
    """Makes room for up to rows_max different rows, 2 ** 30 at most. Raises MemoryError."""
    cdef size_t slots = 16
    while slots < <size_t>(2 * rows_max):
        slots *= 2
    places.mask = <uint32_t>(slots - 1)
    places.slots = <place_t*>calloc(slots, sizeof(place_t))
    if places.slots == NULL:
        raise MemoryError
    return 0


cdef inline void close_places(places_t* places) noexcept nogil:
    free(places.slots)


cdef inline place_t* find_place(const places_t* places, row_t row) noexcept nogil:
    """Returns the row's slot; one with row_after 0 where it is not there."""
    cdef uint32_t at = (<uint32_t>row * <uint32_t>2654435761u) >> 7 & places.mask
    while places.slots[at].row_after and places.slots[at].row_after != <uint32_t>row + 1:
        at = (at + 1) & places.mask
    return &places.slots[at]


cdef inline void put_place(place_t* slot, row_t row, Py_ssize_t place) noexcept nogil:
    slot.row_after = <uint32_t>row + 1
    slot.place = <row_t>place
