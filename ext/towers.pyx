"""A tower of three dense layers for a few rows: no BLAS, so no thread pool and no start-up cost per call."""

import numpy as np


cdef void _dense(
    const float* x, Py_ssize_t inputs, const float[:, ::1] w, const float[::1] b, float* out, bint relu
) noexcept nogil:
    """One layer of one row. Inputs that are zero are skipped: most of an encoded input is one-hot."""
    cdef Py_ssize_t i, u, units = b.shape[0]
    cdef float value
    cdef const float* row
    for u in range(units):
        out[u] = b[u]
    for i in range(inputs):
        value = x[i]
        if value == 0:
            continue
        row = &w[i, 0]
        for u in range(units):
            out[u] += value * row[u]
    if relu:
        for u in range(units):
            if out[u] < 0:
                out[u] = 0


def tower_forward(
    const float[:, ::1] x not None,
    const float[:, ::1] w1 not None,
    const float[::1] b1 not None,
    const float[:, ::1] w2 not None,
    const float[::1] b2 not None,
    const float[:, ::1] w3 not None,
    const float[::1] b3 not None,
):
    """Returns Linear-ReLU-Linear-ReLU-Linear of float32[B, W]; weights are [inputs, outputs]."""
    cdef Py_ssize_t rows = x.shape[0], i
    if x.shape[1] != w1.shape[0] or w1.shape[1] != b1.shape[0] or b1.shape[0] != w2.shape[0]:
        raise ValueError("input and first layer do not fit together")
    if w2.shape[1] != b2.shape[0] or b2.shape[0] != w3.shape[0] or w3.shape[1] != b3.shape[0]:
        raise ValueError("second and third layer do not fit together")
    vectors = np.empty((rows, b3.shape[0]), np.float32)
    cdef float[:, ::1] out = vectors
    cdef float[::1] first = np.empty(b1.shape[0], np.float32)
    cdef float[::1] second = np.empty(b2.shape[0], np.float32)
    for i in range(rows):
        _dense(&x[i, 0], x.shape[1], w1, b1, &first[0], True)
        _dense(&first[0], first.shape[0], w2, b2, &second[0], True)
        _dense(&second[0], second.shape[0], w3, b3, &out[i, 0], False)
    return vectors
