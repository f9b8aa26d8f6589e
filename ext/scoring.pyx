"""Scores of all candidates: gathered inner products, the head over the cross features, the logistic."""

import numpy as np

from libc.math cimport expf

from ext._types cimport row_t


cdef inline float _dot(const float* a, const float* b, Py_ssize_t dims) noexcept nogil:
    cdef Py_ssize_t d
    cdef float total = 0
    for d in range(dims):
        total += a[d] * b[d]
    return total


cdef inline float _head(
    const float* x, Py_ssize_t width, const float* w1, const float* b1, const float* w2, Py_ssize_t units, float* hidden
) noexcept nogil:
    """relu(x w1 + b1) w2; the inner loop runs over units, which lie side by side in w1 and in hidden."""
    cdef Py_ssize_t c, u
    cdef float total = 0, value
    cdef const float* weights
    for u in range(units):
        hidden[u] = b1[u]
    for c in range(width):
        value = x[c]
        weights = w1 + c * units
        for u in range(units):
            hidden[u] += value * weights[u]
    for u in range(units):
        total += max(hidden[u], <float>0) * w2[u]
    return total


def exact_search(
    const float[::1] user_vector not None, const float[:, ::1] vectors not None, const row_t[::1] rows not None
):
    """Returns the inner products of the given rows with the user's vector, float32[n]."""
    cdef Py_ssize_t n = rows.shape[0], dims = user_vector.shape[0], i
    if vectors.shape[1] != dims:
        raise ValueError("user_vector and vectors differ in width")
    scores = np.empty(n, np.float32)
    cdef float[::1] out = scores
    with nogil:
        for i in range(n):
            out[i] = _dot(&vectors[rows[i], 0], &user_vector[0], dims)
    return scores


def score_candidates(
    const row_t[::1] rows not None,
    const float[::1] user_vector not None,
    const float[:, ::1] item_vectors not None,
    const float[:, ::1] cross not None,
    const float[:, ::1] head_w1 not None,
    const float[::1] head_b1 not None,
    const float[::1] head_w2 not None,
    const float[::1] head_b2 not None,
    float dot_scale,
    float score_bias,
):
    """Returns each candidate's score in [0, 1], float32[n]: see ext.reference."""
    cdef Py_ssize_t n = rows.shape[0], dims = user_vector.shape[0], width = cross.shape[1], units = head_b1.shape[0], i
    if cross.shape[0] != n or item_vectors.shape[1] != dims:
        raise ValueError("cross must have a row a candidate, item_vectors the user vector's width")
    if head_w1.shape[0] != width or head_w1.shape[1] != head_b1.shape[0] or head_w2.shape[0] != head_b1.shape[0]:
        raise ValueError("the head's weights do not fit together or do not fit the cross features")
    scores = np.empty(n, np.float32)
    cdef float[::1] out = scores
    cdef float[::1] hidden = np.empty(units, np.float32)
    cdef float logit, bias = head_b2[0] + score_bias
    with nogil:
        for i in range(n):
            logit = _dot(&item_vectors[rows[i], 0], &user_vector[0], dims) * dot_scale + bias
            logit += _head(&cross[i, 0], width, &head_w1[0, 0], &head_b1[0], &head_w2[0], units, &hidden[0])
            # A NaN passes both comparisons and stays a NaN: the caller's check must see it.
            logit = -80 if logit < -80 else (80 if logit > 80 else logit)
            out[i] = 1 / (1 + expf(-logit))
    return scores
