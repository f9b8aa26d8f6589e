"""A tower of three dense layers for a few rows: no BLAS, so no thread pool and no start-up cost per call."""

import numpy as np

from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc

from ext._lanes cimport loops_t, machine_loops


cdef void _dense(
    const loops_t* loops, const float* x, const float[:, ::1] w, const float[::1] b, bint relu, float* out,
    int32_t* present
) noexcept nogil:
    """One layer of one row. Inputs that are zero are skipped: most of an encoded input is one-hot."""
    cdef Py_ssize_t u, units = b.shape[0]
    loops.dense(x, w.shape[0], &w[0, 0], &b[0], units, out, present)
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
    cdef Py_ssize_t first = b1.shape[0], second = b2.shape[0], most = max(x.shape[1], first, second)
    # Three arrays of NumPy's would cost as much as the layers themselves.
    cdef float* hidden = <float*>malloc((first + second) * sizeof(float) + most * sizeof(int32_t))
    if hidden == NULL:
        raise MemoryError
    cdef int32_t* present = <int32_t*>(hidden + first + second)
    cdef const loops_t* loops = machine_loops()
    for i in range(rows):
        _dense(loops, &x[i, 0], w1, b1, True, hidden, present)
        _dense(loops, hidden, w2, b2, True, hidden + first, present)
        _dense(loops, hidden + first, w3, b3, False, &out[i, 0], present)
    free(hidden)
    return vectors
