"""The cross features of all candidates in one pass over the release's columns."""

import numpy as np

from libc.math cimport logf

from ext._lanes cimport PREFETCH_AHEAD, machine_loops, prefetch_value
from ext._rows cimport check_rows, contains
from ext._types cimport half_t, row_t

_COLUMNS = 10


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
    const half_t[:, ::1] title_embeddings not None,
    const float[::1] view_count_7d not None,
    const float[::1] purchase_count_7d not None,
):
    """Returns the cross features of n candidates, float32[n, 10]: see ext.reference."""
    cdef Py_ssize_t n = rows.shape[0], dims = user_embedding.shape[0], i
    if source_scores.shape[0] != n or source_scores.shape[1] != 3 or source_count.shape[0] != n:
        raise ValueError("source_scores must be [n, 3] and source_count [n]")
    if title_embeddings.shape[1] != dims:
        raise ValueError("user_embedding and title_embeddings differ in width")
    if brand.shape[0] != category.shape[0] or price.shape[0] != category.shape[0]:
        raise ValueError("category, brand and price differ in length")
    if view_count_7d.shape[0] != category.shape[0] or purchase_count_7d.shape[0] != category.shape[0]:
        raise ValueError("category, view_count_7d and purchase_count_7d differ in length")
    check_rows(rows, 0, min(category.shape[0], title_embeddings.shape[0]))
    features = np.empty((n, _COLUMNS), np.float32)
    cdef float[:, ::1] out = features
    cdef row_t row
    if n == 0:
        return features
    machine_loops().cosine_rows(&title_embeddings[0, 0], &rows[0], n, &user_embedding[0], dims, &out[0, 3], _COLUMNS)
    for i in range(n):
        if i + PREFETCH_AHEAD < n:
            row = rows[i + PREFETCH_AHEAD]
            prefetch_value(&category[row])
            prefetch_value(&brand[row])
            prefetch_value(&price[row])
            prefetch_value(&view_count_7d[row])
            prefetch_value(&purchase_count_7d[row])
        row = rows[i]
        out[i, 0] = category[row] >= 0 and contains(viewed_categories, category[row])
        out[i, 1] = brand[row] >= 0 and contains(bought_brands, brand[row])
        out[i, 2] = _price_in_range(price[row], price_low, price_high)
        # Counts are whole numbers, to which 1 adds without rounding; log1pf would take twice the time.
        out[i, 4] = logf(1 + view_count_7d[row])
        out[i, 5] = purchase_count_7d[row] / max(view_count_7d[row], <float>1)
        out[i, 6] = source_scores[i, 0]
        out[i, 7] = source_scores[i, 1]
        out[i, 8] = source_scores[i, 2]
        out[i, 9] = source_count[i]
    return features
