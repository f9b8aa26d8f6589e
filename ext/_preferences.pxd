# What a history says about taste: codes by summed event weight, and quantiles of prices.

from ext._types cimport flags_t, row_t

cdef enum:
    PURCHASE = 5
    EVENT_TYPES = 16
    PREFERENCES = 3


cdef inline Py_ssize_t collect(
    const row_t[::1] rows, const flags_t[::1] types, Py_ssize_t n, const row_t[::1] codes,
    const float[::1] event_weights, bint bought_only, row_t[::1] names, double[::1] sums
) noexcept nogil:
    """Sums the event weights of each code, ascending by code; returns how many codes there are."""
    cdef Py_ssize_t i, at, j, count = 0
    cdef row_t code
    for i in range(n):
        if rows[i] < 0 or (bought_only and types[i] != PURCHASE):
            continue
        code = codes[rows[i]]
        if code < 0:
            continue
        at = count
        while at > 0 and names[at - 1] >= code:
            at -= 1
        if at == count or names[at] != code:
            for j in range(count, at, -1):
                names[j] = names[j - 1]
                sums[j] = sums[j - 1]
            names[at] = code
            sums[at] = 0
            count += 1
        sums[at] += event_weights[types[i] % EVENT_TYPES]
    return count


cdef inline void write_strongest(
    const row_t[::1] names, double[::1] sums, Py_ssize_t count, row_t[::1] out
) noexcept nogil:
    """Writes the codes with the largest sums, ties by code; uses the sums up."""
    cdef Py_ssize_t place, i, best
    for place in range(PREFERENCES):
        best = -1
        for i in range(count):
            if sums[i] >= 0 and (best < 0 or sums[i] > sums[best]):
                best = i
        out[place] = names[best] if best >= 0 else -1
        if best >= 0:
            sums[best] = -1


cdef inline float quantile(const float[::1] ascending, Py_ssize_t n, double q) noexcept nogil:
    """Returns the linearly interpolated quantile of n ascending values, -1 where there are none."""
    cdef double place = q * (n - 1)
    cdef Py_ssize_t below = <Py_ssize_t>place
    cdef double part = place - below
    if n == 0:
        return -1
    if below + 1 >= n:
        return ascending[n - 1]
    return <float>(ascending[below] + (<double>ascending[below + 1] - <double>ascending[below]) * part)


cdef inline Py_ssize_t sort_prices(
    const row_t[::1] rows, Py_ssize_t n, const float[::1] price, float[::1] out
) noexcept nogil:
    """Writes the known prices, ascending; returns how many there are."""
    cdef Py_ssize_t i, j, count = 0
    cdef float value
    for i in range(n):
        if rows[i] < 0 or not price[rows[i]] >= 0:
            continue
        value = price[rows[i]]
        j = count
        while j > 0 and out[j - 1] > value:
            out[j] = out[j - 1]
            j -= 1
        out[j] = value
        count += 1
    return count
