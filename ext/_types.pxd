# Fixed-width names, once. Loop indexes are Py_ssize_t: signed, as wide as a pointer.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

ctypedef int32_t row_t
ctypedef int64_t time_t64
ctypedef uint8_t flags_t
ctypedef uint32_t bits_t
ctypedef uint8_t code_t
ctypedef uint16_t half_t
