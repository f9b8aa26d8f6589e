# The C helpers of _lanes.h.
# PREFETCH_AHEAD: how many candidates ahead a vector is asked for; 4, 8 and 16 measured alike.

cdef extern from "ext/_lanes.h" nogil:
    enum:
        HEAD_UNITS
    float lanes_dot(const float* a, const float* b, Py_ssize_t dims) noexcept
    float lanes_head(
        const float* x, Py_ssize_t width, const float* w1, const float* b1, const float* w2
    ) noexcept
    void prefetch_vector(const float* vector, Py_ssize_t dims) noexcept
    float half_value(unsigned short half) noexcept
    void lanes_dot_halves(
        const unsigned short* a, const float* b, Py_ssize_t dims, float* dot, float* square
    ) noexcept
    void prefetch_halves(const unsigned short* vector, Py_ssize_t dims) noexcept
    void prefetch_value(const void* value) noexcept

cdef enum:
    PREFETCH_AHEAD = 8
