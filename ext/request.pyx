"""The request that most callers send, read straight from protobuf's bytes: a user, a page and a number of items."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    # Tags of RecommendRequest: field number << 3 | wire type (0 varint, 2 length).
    USER_ID = 1 << 3 | 2
    PAGE_TYPE = 4 << 3
    NUM_ITEMS = 7 << 3
    NUMBER_MAX = 0x7f


cdef inline bint _is_plain(const uint8_t* text, Py_ssize_t size) noexcept nogil:
    """Tells whether a text is printable ASCII."""
    cdef Py_ssize_t i
    cdef int strange = 0
    for i in range(size):
        strange |= (text[i] < 0x20) | (text[i] > 0x7e)
    return not strange


def read_plain_request(bytes raw not None, Py_ssize_t id_bytes_max):
    """Returns (user_id, page_type, num_items) of a RecommendRequest with nothing else, or None: see ext.reference."""
    cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(raw)
    cdef const uint8_t* end = at + PyBytes_GET_SIZE(raw)
    cdef const uint8_t* user = NULL
    cdef Py_ssize_t user_bytes = 0
    cdef uint32_t page_type = 0, num_items = 0
    while at < end:
        # Every value here begins with one byte that is a length or the whole number; larger ones are not for this way.
        if end - at < 2 or at[1] > NUMBER_MAX:
            return None
        if at[0] == USER_ID:
            user = at + 2
            user_bytes = at[1]
            if end - user < user_bytes or user_bytes > id_bytes_max or not _is_plain(user, user_bytes):
                return None
            at = user + user_bytes
        elif at[0] == PAGE_TYPE:
            page_type = at[1]
            at += 2
        elif at[0] == NUM_ITEMS:
            num_items = at[1]
            at += 2
        else:
            return None
    if user_bytes == 0:
        return None
    return PyUnicode_DecodeASCII(<const char*>user, user_bytes, NULL), page_type, num_items
