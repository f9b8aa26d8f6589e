"""User features from a history in one pass, so that nothing derived has to be stored with the user."""

import numpy as np

from ext._lanes cimport half_value, prefetch_value
from ext._preferences cimport EVENT_TYPES, PREFERENCES, PURCHASE
from ext._preferences cimport collect, quantile, sort_prices, write_strongest
from ext._rows cimport check_rows
from ext._types cimport flags_t, half_t, row_t, time_t64
from ext.history_summary import HistorySummary

cdef enum:
    VIEW = 2
    DAY_S = 86400
    SESSION_GAP_S = 1800
    POOLED_EVENTS_MAX = 50
    LINE_HALVES = 32  # in a cache line of 64 bytes


cdef void _count(
    const time_t64[::1] times_s, const flags_t[::1] types, Py_ssize_t n, time_t64 now_s, float[::1] counters
) noexcept nogil:
    cdef Py_ssize_t i
    cdef time_t64 gap, inside = 0, sessions = 1
    counters[0] = counters[1] = counters[2] = 0
    counters[3] = -1
    if n == 0:
        return
    for i in range(n):
        if types[i] == VIEW and times_s[i] >= now_s - 7 * DAY_S:
            counters[0] += 1
        elif types[i] == PURCHASE and times_s[i] >= now_s - 30 * DAY_S:
            counters[1] += 1
        if i:
            gap = times_s[i] - times_s[i - 1]
            if gap > SESSION_GAP_S:
                sessions += 1
            else:
                inside += gap
    counters[2] = <float>(<double>inside / <double>sessions)
    counters[3] = <float>(<double>(now_s - times_s[n - 1]) / <double>DAY_S)


cdef void _pool(
    const row_t[::1] rows, Py_ssize_t n, const half_t[:, ::1] vectors, double[::1] total, float[::1] out
) noexcept nogil:
    """Writes the mean vector of the last POOLED_EVENTS_MAX known rows."""
    cdef Py_ssize_t i, d, dims = vectors.shape[1], pooled = 0
    for d in range(dims):
        total[d] = 0
    for i in range(n - 1, -1, -1):
        if rows[i] < 0:
            continue
        for d in range(dims):
            total[d] += half_value(vectors[rows[i], d])
        pooled += 1
        if pooled == POOLED_EVENTS_MAX:
            break
    for d in range(dims):
        out[d] = <float>(total[d] / pooled) if pooled else 0


cdef inline void _ask_for_vector(const half_t* vector, Py_ssize_t dims) noexcept nogil:
    cdef Py_ssize_t d = 0
    while d < dims:
        prefetch_value(vector + d)
        d += LINE_HALVES


cdef void _ask_for(
    const row_t[::1] rows, Py_ssize_t n, const row_t[::1] category, const row_t[::1] brand, const float[::1] price,
    const half_t[:, ::1] title_embeddings, const half_t[:, ::1] history_embeddings
) noexcept nogil:
    """Asks for the cache lines of all that will be read of the rows, before any of it is."""
    cdef Py_ssize_t i
    for i in range(n):
        if rows[i] >= 0:
            prefetch_value(&category[rows[i]])
            prefetch_value(&brand[rows[i]])
            prefetch_value(&price[rows[i]])
    for i in range(max(n - POOLED_EVENTS_MAX, 0), n):
        if rows[i] >= 0:
            _ask_for_vector(&title_embeddings[rows[i], 0], title_embeddings.shape[1])
            _ask_for_vector(&history_embeddings[rows[i], 0], history_embeddings.shape[1])


def summarize_history(
    const row_t[::1] rows not None,
    const time_t64[::1] times_s not None,
    const flags_t[::1] types not None,
    time_t64 now_s,
    const float[::1] event_weights not None,
    const row_t[::1] category not None,
    const row_t[::1] brand not None,
    const float[::1] price not None,
    const half_t[:, ::1] title_embeddings not None,
    const half_t[:, ::1] history_embeddings not None,
):
    """Returns the user features of a history, oldest event first, as of now_s: see ext.reference."""
    cdef Py_ssize_t n = rows.shape[0], categories, brands, bought, prices
    if times_s.shape[0] != n or types.shape[0] != n or event_weights.shape[0] != EVENT_TYPES:
        raise ValueError("rows, times_s and types must have one length, event_weights 16 entries")
    if price.shape[0] != category.shape[0] or brand.shape[0] != category.shape[0]:
        raise ValueError("category, brand and price differ in length")
    check_rows(rows, -1, min(category.shape[0], title_embeddings.shape[0], history_embeddings.shape[0]))
    while n > 0 and times_s[n - 1] >= now_s:
        n -= 1
    counters = np.empty(4, np.float32)
    price_range = np.empty(2, np.float32)
    top_categories = np.empty(PREFERENCES, np.int32)
    top_brands = np.empty(PREFERENCES, np.int32)
    user_embedding = np.empty(title_embeddings.shape[1], np.float32)
    history_vector = np.empty(history_embeddings.shape[1], np.float32)
    category_names = np.empty(n, np.int32)
    bought_names = np.empty(n, np.int32)
    cdef float[::1] counters_view = counters, range_view = price_range
    cdef float[::1] embedding_view = user_embedding, vector_view = history_vector
    cdef row_t[::1] top_categories_view = top_categories, top_brands_view = top_brands
    cdef row_t[::1] category_view = category_names, bought_view = bought_names, brand_view = np.empty(n, np.int32)
    cdef double[::1] sums = np.empty(n, np.float64)
    cdef double[::1] total = np.empty(max(title_embeddings.shape[1], history_embeddings.shape[1]), np.float64)
    cdef float[::1] ascending = np.empty(n, np.float32)
    _ask_for(rows, n, category, brand, price, title_embeddings, history_embeddings)
    _count(times_s, types, n, now_s, counters_view)
    brands = collect(rows, types, n, brand, event_weights, False, brand_view, sums)
    write_strongest(brand_view, sums, brands, top_brands_view)
    categories = collect(rows, types, n, category, event_weights, False, category_view, sums)
    write_strongest(category_view, sums, categories, top_categories_view)
    bought = collect(rows, types, n, brand, event_weights, True, bought_view, sums)
    prices = sort_prices(rows, n, price, ascending)
    range_view[0] = quantile(ascending, prices, 0.1)
    range_view[1] = quantile(ascending, prices, 0.9)
    _pool(rows, n, title_embeddings, total, embedding_view)
    _pool(rows, n, history_embeddings, total, vector_view)
    return HistorySummary(
        counters,
        top_categories,
        price_range,
        top_brands,
        user_embedding,
        history_vector,
        category_names[:categories],
        bought_names[:bought],
    )
