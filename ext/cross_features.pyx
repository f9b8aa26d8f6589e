"""The cross features of all candidates in one pass over the release's columns."""

import numpy as np

from libc.math cimport log1pf, sqrtf

from ext._types cimport row_t

_COLUMNS = 10


cdef inline bint _contains(const row_t[::1] ascending, row_t wanted) noexcept nogil:
    cdef Py_ssize_t i
    if wanted < 0:
        return False
    for i in range(ascending.shape[0]):
        if ascending[i] >= wanted:
            return ascending[i] == wanted
    return False


cdef inline float _price_in_range(float price, float low, float high) noexcept nogil:
    cdef float miss
    if low < 0 or price < 0:
        return 0.5
    if price < low:
        miss = (low - price) / max(low, <float>1e-9)
    elif price > high:
        miss = (price - high) / max(high, <float>1e-9)
    else:
        return 1
    return max(<float>0, 1 - miss)


cdef inline float _cosine(const float* vector, const float* user, float user_norm, Py_ssize_t dims) noexcept nogil:
    cdef Py_ssize_t d
    cdef float dot = 0, square = 0, norm
    for d in range(dims):
        dot += vector[d] * user[d]
        square += vector[d] * vector[d]
    norm = sqrtf(square) * user_norm
    return dot / norm if norm > 0 else 0


def assemble_cross_features(
    const row_t[::1] rows not None,
    const float[:, ::1] source_scores not None,
    const float[::1] source_count not None,
    const row_t[::1] viewed_categories not None,
    const row_t[::1] bought_brands not None,
    float price_low,
    float price_high,
    const float[::1] user_embedding not None,
    const row_t[::1] category not None,
    const row_t[::1] brand not None,
    const float[::1] price not None,
    const float[:, ::1] title_embeddings not None,
    const float[::1] view_count_7d not None,
    const float[::1] purchase_count_7d not None,
):
    """Returns the cross features of n candidates, float32[n, 10]: see ext.reference."""
    cdef Py_ssize_t n = rows.shape[0], dims = user_embedding.shape[0], i, d
    if source_scores.shape[0] != n or source_scores.shape[1] != 3 or source_count.shape[0] != n:
        raise ValueError("source_scores must be [n, 3] and source_count [n]")
    if title_embeddings.shape[1] != dims:
        raise ValueError("user_embedding and title_embeddings differ in width")
    features = np.empty((n, _COLUMNS), np.float32)
    cdef float[:, ::1] out = features
    cdef float norm = 0
    cdef row_t row
    with nogil:
        for d in range(dims):
            norm += user_embedding[d] * user_embedding[d]
        norm = sqrtf(norm)
        for i in range(n):
            row = rows[i]
            out[i, 0] = _contains(viewed_categories, category[row])
            out[i, 1] = _contains(bought_brands, brand[row])
            out[i, 2] = _price_in_range(price[row], price_low, price_high)
            out[i, 3] = _cosine(&title_embeddings[row, 0], &user_embedding[0], norm, dims) if norm > 0 else 0
            out[i, 4] = log1pf(view_count_7d[row])
            out[i, 5] = purchase_count_7d[row] / max(view_count_7d[row], <float>1)
            out[i, 6] = source_scores[i, 0]
            out[i, 7] = source_scores[i, 1]
            out[i, 8] = source_scores[i, 2]
            out[i, 9] = source_count[i]
    return features
