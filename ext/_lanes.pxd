# The C helpers of _lanes.h and _loops.h.

from libc.stdint cimport int8_t, int16_t, int32_t, uint16_t

cdef extern from "ext/_lanes.h" nogil:
    enum:
        HEAD_UNITS
        PREFETCH_AHEAD
    ctypedef struct head_t:
        float scale
        float bias
        Py_ssize_t width
        const float* cross
        const float* w1
        const float* b1
        const float* w2
    ctypedef void (*dot_codes_t)(
        const int8_t* codes, const int32_t* rows, Py_ssize_t count, const int16_t* query, Py_ssize_t dims, int32_t* near
    ) noexcept nogil
    ctypedef struct loops_t:
        void (*dot_rows)(
            const float* vectors, const int32_t* rows, Py_ssize_t count, const float* user, Py_ssize_t dims, float* out
        ) noexcept nogil
        void (*cosine_rows)(
            const uint16_t* halves, const int32_t* rows, Py_ssize_t count, const float* user, Py_ssize_t dims,
            float* out, Py_ssize_t step
        ) noexcept nogil
        void (*score_rows)(
            const float* vectors, const int32_t* rows, Py_ssize_t count, const float* user, Py_ssize_t dims,
            const head_t* head, float* out
        ) noexcept nogil
        void (*dense)(
            const float* x, Py_ssize_t inputs, const float* w, const float* b, Py_ssize_t units, float* out,
            int32_t* present
        ) noexcept nogil
        dot_codes_t dot_codes
    const loops_t* machine_loops() noexcept
    float half_value(unsigned short half) noexcept
    void prefetch_vector(const float* vector, Py_ssize_t dims) noexcept
    void prefetch_codes(const int8_t* codes, Py_ssize_t dims) noexcept
    void prefetch_links(const int32_t* links, Py_ssize_t degree) noexcept
    void prefetch_value(const void* value) noexcept
