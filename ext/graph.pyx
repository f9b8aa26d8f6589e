"""A walk through a graph of vectors towards those nearest a query (HNSW: Malkov & Yashunin 2016, algorithm 5).

At each step all neighbours' vectors are asked for before the first of them is looked at: of a large graph nothing is in
the processor's cache, and waiting for one line after the other is most of what such a search costs.
"""

import numpy as np

from libc.math cimport lrint, sqrt
from libc.stdint cimport int8_t, int16_t, int32_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memmove

from ext._lanes cimport dot_codes_t, machine_loops, prefetch_codes, prefetch_links
from ext._types cimport row_t

cdef enum:
    QUERY_UNIT = 32767
    CODE_UNIT = 127
    SEEN_SLOTS_MIN = 4096

cdef struct hit_t:
    int32_t near
    row_t row  # ~row once its links have been followed

# Not places_t, whose slots are twice as wide: the walk took a tenth longer with rows in cache.
cdef struct seen_t:
    row_t* slots  # row + 1; 0 = free
    uint32_t mask
    uint32_t count

cdef struct graph_t:
    const int8_t* codes
    const row_t* links
    const int16_t* query
    Py_ssize_t dims
    Py_ssize_t degree
    Py_ssize_t rows
    dot_codes_t dot_codes


cdef inline bint _put(seen_t* seen, row_t row) noexcept nogil:
    """Returns whether the row was not there yet. There must be a free slot."""
    cdef uint32_t at = (<uint32_t>row * <uint32_t>2654435761u) >> 8 & seen.mask
    while seen.slots[at]:
        if seen.slots[at] == row + 1:
            return False
        at = (at + 1) & seen.mask
    seen.slots[at] = row + 1
    seen.count += 1
    return True


cdef bint _make_room(seen_t* seen, Py_ssize_t more) noexcept nogil:
    """Keeps the table half empty; returns whether there is memory for that."""
    cdef seen_t larger
    cdef uint32_t i
    if 2 * (seen.count + more) <= seen.mask:
        return True
    larger.mask = 4 * seen.mask + 3
    larger.count = 0
    larger.slots = <row_t*>calloc(<size_t>larger.mask + 1, sizeof(row_t))
    if larger.slots == NULL:
        return False
    for i in range(seen.mask + 1):
        if seen.slots[i]:
            _put(&larger, seen.slots[i] - 1)
    free(seen.slots)
    seen[0] = larger
    return _make_room(seen, more)


cdef inline Py_ssize_t _insert(
    hit_t* hits, Py_ssize_t size, Py_ssize_t effort, int32_t near, row_t row, Py_ssize_t* first
) noexcept nogil:
    """Puts a hit behind those that are as near; returns the new size. first: lowered to where it stands."""
    cdef Py_ssize_t low = 0, high = size, middle
    if size == effort and near <= hits[size - 1].near:
        return size
    while low < high:
        middle = (low + high) >> 1
        if hits[middle].near >= near:
            low = middle + 1
        else:
            high = middle
    if size < effort:
        size += 1
    memmove(&hits[low + 1], &hits[low], <size_t>(size - 1 - low) * sizeof(hit_t))
    hits[low].near = near
    hits[low].row = row
    first[0] = min(first[0], low)
    return size


cdef Py_ssize_t _walk(
    const graph_t* graph, row_t start, Py_ssize_t effort, hit_t* hits, row_t* fresh, int32_t* near, seen_t* seen
) noexcept nogil:
    """Fills hits, best first, from the base layer; returns how many there are, or -1 where memory ran out."""
    cdef Py_ssize_t size = 1, at = 0, count, i
    cdef const row_t* links
    cdef row_t row
    _put(seen, start)
    graph.dot_codes(graph.codes, &start, 1, graph.query, graph.dims, near)
    hits[0] = [near[0], start]
    while at < size:
        links = graph.links + <Py_ssize_t>hits[at].row * graph.degree
        hits[at].row = ~hits[at].row
        if not _make_room(seen, graph.degree):
            return -1
        count = 0
        for i in range(graph.degree):
            row = links[i]
            if not 0 <= row < graph.rows:
                break
            if _put(seen, row):
                prefetch_codes(graph.codes + row * graph.dims, graph.dims)
                fresh[count] = row
                count += 1
        graph.dot_codes(graph.codes, fresh, count, graph.query, graph.dims, near)
        at += 1
        for i in range(count):
            size = _insert(hits, size, effort, near[i], fresh[i], &at)
        while at < size and hits[at].row < 0:
            at += 1
        if at < size:
            prefetch_links(graph.links + <Py_ssize_t>hits[at].row * graph.degree, graph.degree)
    return size


cdef row_t _descend(
    const graph_t* graph, const row_t[::1] upper_rows, const row_t[:, ::1] upper_links, const row_t[::1] upper_down
) noexcept nogil:
    """Returns the row at which the walk through the base layer begins."""
    cdef row_t at = 0, best = 0, entry, down
    cdef int32_t nearest, near
    cdef Py_ssize_t i
    graph.dot_codes(graph.codes, &upper_rows[0], 1, graph.query, graph.dims, &nearest)
    while True:
        best = at
        for i in range(upper_links.shape[1]):
            entry = upper_links[at, i]
            if not 0 <= entry < upper_rows.shape[0] or not 0 <= upper_rows[entry] < graph.rows:
                break
            graph.dot_codes(graph.codes, &upper_rows[entry], 1, graph.query, graph.dims, &near)
            if near > nearest:
                nearest = near
                best = entry
        if best != at:
            at = best
            continue
        down = upper_down[at]
        # Layers follow one another downwards, so a walk that only goes on from here must end.
        if not at < down < upper_rows.shape[0]:
            return upper_rows[at]
        at = down


cdef double _quantize(const float[::1] vector, int16_t[::1] query) noexcept nogil:
    """Writes the vector's direction as whole numbers; returns their length, 0 where it has no direction."""
    cdef double square = 0, whole = 0, factor
    cdef Py_ssize_t d
    for d in range(vector.shape[0]):
        square += <double>vector[d] * vector[d]
    if not 0 < square < 1e300:
        return 0
    factor = QUERY_UNIT / sqrt(square)
    for d in range(vector.shape[0]):
        query[d] = <int16_t>lrint(vector[d] * factor)
        whole += <double>query[d] * query[d]
    return sqrt(whole)


def search_graph(
    const float[::1] vector not None,
    const int8_t[:, ::1] codes not None,
    const row_t[:, ::1] links not None,
    const row_t[::1] upper_rows not None,
    const row_t[:, ::1] upper_links not None,
    const row_t[::1] upper_down not None,
    Py_ssize_t effort,
    Py_ssize_t count,
):
    """Returns the (rows, similarities) of about the count rows nearest the vector, best first: see ext.reference."""
    _check(vector, codes, links, upper_rows, upper_links, upper_down)
    if effort < 1 or count < 0:
        raise ValueError("effort must be positive, count not negative")
    cdef Py_ssize_t size = 0
    cdef int16_t[::1] query = np.empty(vector.shape[0], np.int16)
    cdef double length = _quantize(vector, query)
    if length == 0 or count == 0 or upper_rows.shape[0] == 0:
        return np.empty(0, np.int32), np.empty(0, np.float32)
    effort = min(max(effort, count), codes.shape[0])
    cdef graph_t graph = [
        &codes[0, 0], &links[0, 0], &query[0], vector.shape[0], links.shape[1], links.shape[0],
        machine_loops().dot_codes
    ]
    cdef seen_t seen = [<row_t*>calloc(SEEN_SLOTS_MIN, sizeof(row_t)), SEEN_SLOTS_MIN - 1, 0]
    cdef hit_t* hits = <hit_t*>malloc(effort * sizeof(hit_t))
    cdef row_t* fresh = <row_t*>malloc(links.shape[1] * sizeof(row_t))
    cdef int32_t* near = <int32_t*>malloc(links.shape[1] * sizeof(int32_t))
    try:
        if seen.slots == NULL or hits == NULL or fresh == NULL or near == NULL:
            raise MemoryError
        size = _walk(
            &graph, _descend(&graph, upper_rows, upper_links, upper_down), effort, hits, fresh, near, &seen
        )
        if size < 0:
            raise MemoryError
        return _found(hits, min(size, count), 1 / (length * CODE_UNIT))
    finally:
        free(seen.slots)
        free(hits)
        free(fresh)
        free(near)


cdef tuple _found(const hit_t* hits, Py_ssize_t count, double scale):
    """Returns the best hits as arrays."""
    found = np.empty(count, np.int32)
    similarities = np.empty(count, np.float32)
    cdef row_t[::1] rows = found
    cdef float[::1] scores = similarities
    cdef Py_ssize_t i
    for i in range(count):
        rows[i] = hits[i].row if hits[i].row >= 0 else ~hits[i].row
        scores[i] = <float>(hits[i].near * scale)
    return found, similarities


cdef int _check(
    const float[::1] vector,
    const int8_t[:, ::1] codes,
    const row_t[:, ::1] links,
    const row_t[::1] upper_rows,
    const row_t[:, ::1] upper_links,
    const row_t[::1] upper_down,
) except -1:
    if vector.shape[0] == 0 or codes.shape[1] != vector.shape[0]:
        raise ValueError("vector and codes differ in width")
    if codes.shape[0] != links.shape[0] or links.shape[1] == 0:
        raise ValueError("codes and links must have a row an item, links at least one place")
    if upper_links.shape[0] != upper_rows.shape[0] or upper_down.shape[0] != upper_rows.shape[0]:
        raise ValueError("the upper layers' arrays differ in length")
    if upper_rows.shape[0] and not 0 <= upper_rows[0] < codes.shape[0]:
        raise IndexError("the walk begins at a row that is none")
    return 0
