"""The candidates of several users as the tensors of one inference request, and one user's scores from its reply."""

import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from ext._lanes cimport PREFETCH_AHEAD, prefetch_vector
from ext._rows cimport check_rows
from ext._types cimport row_t

cdef enum:
    RAW_CONTENT_TAG = 7 << 3 | 2  # ModelInferRequest.raw_input_contents, length-delimited
    PAIR_ID_MASK = (1 << 24) - 1  # whole numbers below it are exact in float32
    TENSORS = 4


cdef struct tensor_t:
    char* at  # where the next user's part begins
    Py_ssize_t width  # bytes a candidate, or a user where it has no candidates


cdef inline float _pair_id(row_t row, uint32_t salt) noexcept nogil:
    return <float>((<uint32_t>row + salt) & PAIR_ID_MASK)


cdef inline Py_ssize_t _varint(char* out, size_t value) noexcept nogil:
    """Writes a number as protobuf does, or only counts its bytes where out is NULL; returns how many there are."""
    cdef Py_ssize_t size = 0
    while True:
        if out != NULL:
            out[size] = <char>(value & 0x7f | (0x80 if value > 0x7f else 0))
        size += 1
        value >>= 7
        if value == 0:
            return size


cdef bytes _message(bytes header, const Py_ssize_t* sizes, tensor_t* tensors):
    """Returns the message but for its tensors' content, and sets where each of them begins."""
    cdef Py_ssize_t total = PyBytes_GET_SIZE(header), t
    cdef char* at
    for t in range(TENSORS):
        total += 1 + _varint(NULL, <size_t>sizes[t]) + sizes[t]
    message = PyBytes_FromStringAndSize(NULL, total)
    at = PyBytes_AS_STRING(message)
    memcpy(at, PyBytes_AS_STRING(header), <size_t>PyBytes_GET_SIZE(header))
    at += PyBytes_GET_SIZE(header)
    for t in range(TENSORS):
        at[0] = RAW_CONTENT_TAG
        at += 1 + _varint(at + 1, <size_t>sizes[t])
        tensors[t].at = at
        at += sizes[t]
    return message


cdef void _put(tensor_t* tensor, const void* content, Py_ssize_t n, Py_ssize_t padded) noexcept nogil:
    """Writes the content of n candidates and zeros for the others."""
    if n:
        memcpy(tensor.at, content, <size_t>(n * tensor.width))
    memset(tensor.at + n * tensor.width, 0, <size_t>((padded - n) * tensor.width))
    tensor.at += padded * tensor.width


cdef void _gather(
    tensor_t* tensor, const float* vectors, const row_t[::1] rows, Py_ssize_t dims, Py_ssize_t padded
) noexcept nogil:
    cdef Py_ssize_t n = rows.shape[0], i
    for i in range(n):
        if i + PREFETCH_AHEAD < n:
            prefetch_vector(vectors + rows[i + PREFETCH_AHEAD] * dims, dims)
        memcpy(tensor.at + i * tensor.width, vectors + rows[i] * dims, <size_t>tensor.width)
    memset(tensor.at + n * tensor.width, 0, <size_t>((padded - n) * tensor.width))
    tensor.at += padded * tensor.width


cdef void _put_pair_ids(tensor_t* tensor, const row_t[::1] rows, uint32_t salt, Py_ssize_t padded) noexcept nogil:
    cdef Py_ssize_t n = rows.shape[0], i
    cdef float pair_id
    for i in range(padded):
        pair_id = _pair_id(rows[i], salt) if i < n else 0
        # A message's parts stand at any address.
        memcpy(tensor.at + i * tensor.width, &pair_id, sizeof(pair_id))
    tensor.at += padded * tensor.width


def encode_candidates(bytes header not None, list users not None, Py_ssize_t candidates):
    """Returns header with the raw contents of the ranker's four tensors behind it: see ext.reference."""
    if not users:
        raise ValueError("there must be a user")
    cdef const float[:, ::1] features = users[0][0], cross = users[0][2], vectors = users[0][3]
    cdef const row_t[::1] rows
    cdef Py_ssize_t width = features.shape[1], columns = cross.shape[1], dims = vectors.shape[1], at, n
    cdef tensor_t[TENSORS] tensors
    cdef Py_ssize_t[TENSORS] sizes
    cdef Py_ssize_t count = len(users), each = sizeof(float)
    if candidates < 0:
        raise ValueError("candidates must not be negative")
    for at, n in enumerate((width, dims, columns, 1)):
        tensors[at].width = n * each
        sizes[at] = count * n * each * (candidates if at else 1)
    message = _message(header, sizes, tensors)
    for features, rows, cross, vectors, salt in users:
        if features is None or rows is None or cross is None or vectors is None:
            raise TypeError("a user's arrays must not be None")
        n = rows.shape[0]
        if features.shape[0] != 1 or features.shape[1] != width or vectors.shape[1] != dims:
            raise ValueError("the users' features and vectors must be as wide as the first one's, and features one row")
        if cross.shape[0] != n or cross.shape[1] != columns or n > candidates:
            raise ValueError("cross must have a row a candidate, and there must be room for all candidates")
        check_rows(rows, 0, vectors.shape[0])
        _put(&tensors[0], &features[0, 0] if width else NULL, 1, 1)
        _gather(&tensors[1], &vectors[0, 0] if n and dims else NULL, rows, dims, candidates)
        _put(&tensors[2], &cross[0, 0] if n and columns else NULL, n, candidates)
        _put_pair_ids(&tensors[3], rows, <uint32_t>salt, candidates)
    return message


def take_scores(const float[:, ::1] scored not None, const row_t[::1] rows not None, salt):
    """Returns one user's scores and whether they are his candidates', and scores: see ext.reference."""
    cdef Py_ssize_t n = rows.shape[0], i
    cdef uint32_t number = salt
    cdef bint theirs = True, valid = True
    if scored.shape[1] != 2 or scored.shape[0] < n:
        raise ValueError("scored must have two columns and a row a candidate")
    scores = np.empty(n, np.float32)
    cdef float[::1] out = scores
    for i in range(n):
        out[i] = scored[i, 0]
        theirs &= scored[i, 1] == _pair_id(rows[i], number)
        # A NaN makes both comparisons false.
        valid &= 0 <= scored[i, 0] <= 1
    return scores, theirs, valid
