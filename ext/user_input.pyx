"""One user's values in their places of the user tower's input."""

import numpy as np

from libc.math cimport log1p

from ext._rows cimport check_rows
from ext._types cimport row_t

cdef enum:
    BLOCKS = 11
    COUNTERS = 4
    CONTEXT = 4
    ABSENCE_DAYS_MAX = 365

cdef enum:  # the blocks
    AGE, GENDER, LOCATION, COUNTED, CATEGORIES, PRICES, BRANDS, SITUATION, PAGE, EMBEDDING, HISTORY


cdef inline Py_ssize_t _within(Py_ssize_t value, Py_ssize_t width) noexcept nogil:
    return 0 if value < 0 else (width - 1 if value >= width else value)


cdef void _add_preferences(
    float[::1] out, Py_ssize_t start, const row_t[::1] codes, const row_t[::1] buckets, const float[::1] values
) noexcept nogil:
    cdef Py_ssize_t place
    for place in range(codes.shape[0]):
        if codes[place] >= 0:
            out[start + buckets[codes[place]]] += values[place]


cdef int _check_buckets(const row_t[::1] codes, const row_t[::1] buckets, Py_ssize_t width) except -1:
    cdef Py_ssize_t place
    check_rows(codes, -1, buckets.shape[0])
    for place in range(codes.shape[0]):
        if codes[place] >= 0 and not 0 <= buckets[codes[place]] < width:
            raise IndexError(f"a bucket lies outside 0 to {width - 1}")
    return 0


cdef int _check_widths(
    const row_t[::1] starts, const float[::1] counters, const float[::1] price_range,
    const float[::1] user_embedding, const float[::1] history_vector
) except -1:
    cdef Py_ssize_t i
    if starts.shape[0] != BLOCKS + 1 or counters.shape[0] != COUNTERS or price_range.shape[0] != 2:
        raise ValueError("starts must have 12 entries, counters 4, price_range 2")
    for i in range(BLOCKS):
        if starts[i] < 0 or starts[i + 1] <= starts[i]:
            raise ValueError("starts must ascend")
    if (
        starts[COUNTED + 1] - starts[COUNTED] != COUNTERS + 1 or starts[PRICES + 1] - starts[PRICES] != 3
        or starts[SITUATION + 1] - starts[SITUATION] != CONTEXT
        or starts[EMBEDDING + 1] - starts[EMBEDDING] != user_embedding.shape[0]
        or starts[HISTORY + 1] - starts[HISTORY] != history_vector.shape[0]
    ):
        raise ValueError("values and starts must fit together")
    return 0


cdef inline void _put_counters(float* out, const float[::1] counters) noexcept nogil:
    out[0] = <float>log1p(counters[0])
    out[1] = <float>log1p(counters[1])
    out[2] = <float>(log1p(counters[2]) / 8)
    if counters[3] >= 0:
        out[3] = <float>(log1p(counters[3] if counters[3] < ABSENCE_DAYS_MAX else ABSENCE_DAYS_MAX) / 4)
        out[4] = 1


cdef inline void _put_prices(float* out, const float[::1] price_range) noexcept nogil:
    out[0] = <float>(log1p(price_range[0] if price_range[0] > 0 else 0) / 4)
    out[1] = <float>(log1p(price_range[1] if price_range[1] > 0 else 0) / 4)
    out[2] = price_range[0] >= 0


def encode_user_input(
    const row_t[::1] starts not None,
    Py_ssize_t age,
    Py_ssize_t gender,
    Py_ssize_t cluster,
    const float[::1] counters not None,
    const row_t[::1] categories not None,
    const row_t[::1] category_buckets not None,
    const row_t[::1] brands not None,
    const row_t[::1] brand_buckets not None,
    const float[::1] preference_values not None,
    const float[::1] price_range not None,
    float is_weekend,
    float hour_sine,
    float hour_cosine,
    float on_mobile,
    Py_ssize_t page,
    const float[::1] user_embedding not None,
    const float[::1] history_vector not None,
):
    """Returns the user tower's input of one user, float32[1, W]: see ext.reference."""
    _check_widths(starts, counters, price_range, user_embedding, history_vector)
    if categories.shape[0] > preference_values.shape[0] or brands.shape[0] > preference_values.shape[0]:
        raise ValueError("preferences must have a value a place")
    _check_buckets(categories, category_buckets, starts[CATEGORIES + 1] - starts[CATEGORIES])
    _check_buckets(brands, brand_buckets, starts[BRANDS + 1] - starts[BRANDS])
    encoded = np.zeros((1, starts[BLOCKS]), np.float32)
    cdef float[::1] out = encoded[0]
    cdef Py_ssize_t i
    out[starts[AGE] + _within(age, starts[GENDER] - starts[AGE])] = 1
    out[starts[GENDER] + _within(gender, starts[LOCATION] - starts[GENDER])] = 1
    if cluster >= 0:
        out[starts[LOCATION] + cluster % (starts[COUNTED] - starts[LOCATION])] = 1
    _put_counters(&out[starts[COUNTED]], counters)
    _add_preferences(out, starts[CATEGORIES], categories, category_buckets, preference_values)
    _add_preferences(out, starts[BRANDS], brands, brand_buckets, preference_values)
    _put_prices(&out[starts[PRICES]], price_range)
    i = starts[SITUATION]
    out[i] = is_weekend
    out[i + 1] = hour_sine
    out[i + 2] = hour_cosine
    out[i + 3] = on_mobile
    out[starts[PAGE] + _within(page, starts[EMBEDDING] - starts[PAGE])] = 1
    for i in range(user_embedding.shape[0]):
        out[starts[EMBEDDING] + i] = user_embedding[i]
    for i in range(history_vector.shape[0]):
        out[starts[HISTORY] + i] = history_vector[i]
    return encoded
