"""Scores of all candidates: gathered inner products, the head over the cross features, the logistic."""

import numpy as np

from libc.math cimport expf

from ext._lanes cimport HEAD_UNITS, head_t, machine_loops
from ext._rows cimport check_rows
from ext._types cimport row_t


def exact_search(
    const float[::1] user_vector not None, const float[:, ::1] vectors not None, const row_t[::1] rows not None
):
    """Returns the inner products of the given rows with the user's vector, float32[n]."""
    cdef Py_ssize_t n = rows.shape[0], dims = user_vector.shape[0]
    if vectors.shape[1] != dims:
        raise ValueError("user_vector and vectors differ in width")
    check_rows(rows, 0, vectors.shape[0])
    scores = np.empty(n, np.float32)
    cdef float[::1] out = scores
    if n and dims:
        machine_loops().dot_rows(&vectors[0, 0], &rows[0], n, &user_vector[0], dims, &out[0])
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
    cdef Py_ssize_t n = rows.shape[0], dims = user_vector.shape[0], width = cross.shape[1], i
    if cross.shape[0] != n or item_vectors.shape[1] != dims:
        raise ValueError("cross must have a row a candidate, item_vectors the user vector's width")
    if head_w1.shape[0] != width or head_b2.shape[0] != 1:
        raise ValueError("the head's weights do not fit the cross features")
    if head_w1.shape[1] != HEAD_UNITS or head_b1.shape[0] != HEAD_UNITS or head_w2.shape[0] != HEAD_UNITS:
        raise ValueError(f"the head must have {HEAD_UNITS} hidden units")
    check_rows(rows, 0, item_vectors.shape[0])
    scores = np.empty(n, np.float32)
    cdef float[::1] out = scores
    cdef float logit, bias = head_b2[0] + score_bias
    if n == 0:
        return scores
    cdef head_t head = [dot_scale, bias, width, &cross[0, 0], &head_w1[0, 0], &head_b1[0], &head_w2[0]]
    machine_loops().score_rows(&item_vectors[0, 0], &rows[0], n, &user_vector[0], dims, &head, &out[0])
    for i in range(n):
        logit = out[i]
        # A NaN passes both comparisons and stays a NaN: the caller's check must see it.
        logit = -80 if logit < -80 else (80 if logit > 80 else logit)
        out[i] = 1 / (1 + expf(-logit))
    return scores
