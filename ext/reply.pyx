"""The items of a reply: from rows to ids, to what led to them, and to protobuf's bytes."""

import numpy as np

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from ext._rows cimport check_rows
from ext._types cimport bits_t, flags_t, row_t, time_t64

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    # Tags of protobuf: field number << 3 | wire type (0 varint, 2 length, 5 four bytes).
    ITEMS = 2 << 3 | 2
    ITEM_ID = 1 << 3 | 2
    SCORE = 2 << 3 | 5
    POSITION = 3 << 3
    SOURCES = 4 << 3 | 2
    REASON = 5 << 3 | 2
    REASON_KIND = 1 << 3
    RELATED_ITEM_ID = 2 << 3 | 2
    CATEGORY_ID = 3 << 3 | 2
    BITS = 32
    # An item's bytes beside its three texts: tags, lengths and numbers, with room to spare.
    OVERHEAD = 128


def decode_ids(const row_t[::1] rows not None, const flags_t[::1] text not None, const time_t64[::1] offsets not None):
    """Returns the texts of rows, list[str]: see ext.reference."""
    cdef Py_ssize_t i, start, stop, items = offsets.shape[0] - 1
    found = []
    for i in range(rows.shape[0]):
        if rows[i] == -1:
            found.append("")
            continue
        if rows[i] < 0 or rows[i] >= items:
            raise IndexError(f"a row lies outside -1 to {items - 1}")
        start, stop = offsets[rows[i]], offsets[rows[i] + 1]
        if not 0 <= start <= stop <= text.shape[0]:
            raise IndexError("an offset lies outside the text")
        found.append("" if start == stop else PyUnicode_DecodeUTF8(<const char *> &text[start], stop - start, NULL))
    return found


cdef inline row_t _because(row_t row, const row_t[::1] found_rows, const row_t[::1] because) noexcept nogil:
    """Returns what led to a row in a source's list, -1 where it is not there."""
    cdef Py_ssize_t j
    for j in range(found_rows.shape[0]):
        if found_rows[j] == row:
            return because[j]
    return -1


def find_reasons(
    const row_t[::1] rows not None,
    const bits_t[::1] nominated not None,
    const bits_t[::1] sources_of not None,
    const flags_t[::1] reason_of not None,
    tuple first not None,
    tuple second not None,
    int category_kind,
    const row_t[::1] category not None,
):
    """Returns (source_bits, reason_kinds, related_rows, categories) of a list's items: see ext.reference."""
    cdef int first_kind = first[0], second_kind = second[0], kind
    cdef const row_t[::1] first_rows = first[1], first_because = first[2]
    cdef const row_t[::1] second_rows = second[1], second_because = second[2]
    cdef Py_ssize_t i, n = rows.shape[0], patterns = sources_of.shape[0]
    if nominated.shape[0] != n or reason_of.shape[0] != patterns:
        raise ValueError("rows and nominated, or sources_of and reason_of, differ in length")
    if first_rows.shape[0] != first_because.shape[0] or second_rows.shape[0] != second_because.shape[0]:
        raise ValueError("a list's rows and because differ in length")
    check_rows(rows, 0, category.shape[0])
    source_bits = np.empty(n, np.uint32)
    kinds = np.empty(n, np.uint8)
    related = np.full(n, -1, np.int32)
    codes = np.full(n, -1, np.int32)
    cdef bits_t[::1] source_bits_view = source_bits
    cdef flags_t[::1] kinds_view = kinds
    cdef row_t[::1] related_view = related, codes_view = codes
    for i in range(n):
        if nominated[i] >= <bits_t>patterns:
            raise IndexError(f"a row was nominated by {nominated[i]}, which is not below {patterns}")
        source_bits_view[i] = sources_of[nominated[i]]
        kind = kinds_view[i] = reason_of[nominated[i]]
        if kind == first_kind:
            related_view[i] = _because(rows[i], first_rows, first_because)
        elif kind == second_kind:
            related_view[i] = _because(rows[i], second_rows, second_because)
        elif kind == category_kind:
            codes_view[i] = category[rows[i]]
    return source_bits, kinds, related, codes


cdef inline uint8_t* _varint(uint8_t* at, uint32_t value) noexcept:
    while value >= 0x80:
        at[0] = <uint8_t>(value | 0x80)
        at += 1
        value >>= 7
    at[0] = <uint8_t>value
    return at + 1


cdef inline int _varint_bytes(uint32_t value) noexcept:
    cdef int size = 1
    while value >= 0x80:
        value >>= 7
        size += 1
    return size


cdef inline uint8_t* _text(uint8_t* at, uint8_t tag, const char* text, Py_ssize_t size) noexcept:
    """Writes a string field; nothing for an empty one, as proto3 does."""
    if size == 0:
        return at
    at[0] = tag
    at = _varint(at + 1, <uint32_t>size)
    memcpy(at, text, size)
    return at + size


cdef inline int _text_bytes(Py_ssize_t size) noexcept:
    return 1 + _varint_bytes(<uint32_t>size) + <int>size if size else 0


cdef uint8_t* _item(
    uint8_t* at, const char* item_id, Py_ssize_t id_size, float score, uint32_t position, bits_t sources, uint32_t kind,
    const char* related, Py_ssize_t related_size, const char* category, Py_ssize_t category_size,
) noexcept:
    """Writes one RecommendedItem without its tag and length; returns the place after it."""
    cdef uint8_t* counted
    cdef int number, reason
    at = _text(at, ITEM_ID, item_id, id_size)
    if score != 0:
        at[0] = SCORE
        memcpy(at + 1, &score, sizeof(float))
        at += 1 + sizeof(float)
    if position:
        at[0] = POSITION
        at = _varint(at + 1, position)
    if sources:
        at[0] = SOURCES
        counted = at + 1
        at += 2
        for number in range(BITS):
            if sources >> number & 1:
                at[0] = <uint8_t>number
                at += 1
        counted[0] = <uint8_t>(at - counted - 1)
    if kind:
        reason = 1 + _varint_bytes(kind) + _text_bytes(related_size) + _text_bytes(category_size)
        at[0] = REASON
        at = _varint(at + 1, <uint32_t>reason)
        at[0] = REASON_KIND
        at = _varint(at + 1, kind)
        at = _text(at, RELATED_ITEM_ID, related, related_size)
        at = _text(at, CATEGORY_ID, category, category_size)
    return at


def encode_items(
    list item_ids not None,
    const float[::1] scores not None,
    const bits_t[::1] sources not None,
    const flags_t[::1] reason_kinds not None,
    list related_item_ids not None,
    list category_ids not None,
):
    """Returns the items as field 2 of a response, in protobuf's wire format: see ext.reference."""
    cdef Py_ssize_t i, n = len(item_ids), size, related_size, category_size, room, used = 0
    if not n == scores.shape[0] == sources.shape[0] == reason_kinds.shape[0]:
        raise ValueError("the columns differ in length")
    if not n == len(related_item_ids) == len(category_ids):
        raise ValueError("the columns differ in length")
    cdef const char* text
    cdef const char* related
    cdef const char* category
    cdef uint8_t* at
    cdef uint8_t* start
    for i in range(n):
        PyUnicode_AsUTF8AndSize(item_ids[i], &size)
        PyUnicode_AsUTF8AndSize(related_item_ids[i], &related_size)
        PyUnicode_AsUTF8AndSize(category_ids[i], &category_size)
        used += size + related_size + category_size + OVERHEAD
    cdef bytearray buffer = bytearray(2 * used)
    cdef uint8_t* out = <uint8_t*> (<char*> buffer)
    # Items are written behind the room that their tags and lengths will need, and then moved up.
    cdef uint8_t* scratch = out + used
    at = out
    for i in range(n):
        text = PyUnicode_AsUTF8AndSize(item_ids[i], &size)
        related = PyUnicode_AsUTF8AndSize(related_item_ids[i], &related_size)
        category = PyUnicode_AsUTF8AndSize(category_ids[i], &category_size)
        start = _item(
            scratch, text, size, scores[i], <uint32_t>i, sources[i], reason_kinds[i],
            related, related_size, category, category_size,
        )
        room = start - scratch
        at[0] = ITEMS
        at = _varint(at + 1, <uint32_t>room)
        memcpy(at, scratch, room)
        at += room
    return PyBytes_FromStringAndSize(<char*>out, at - out)
