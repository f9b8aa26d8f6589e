/* Four floats at a time, in the vector types of gcc and clang: SSE2 on any x86-64, NEON on any ARM64.
 *
 * Four independent sums hide the latency of the addition, which one sum, or a loop over an array of sums in memory,
 * would wait for. Written out, no compiler flag has to allow sums to be reordered, so NaN, infinities and the order
 * of every other sum stay as written.
 */
#ifndef EXT_LANES_H
#define EXT_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HEAD_UNITS 16

typedef float lanes_t __attribute__((vector_size(16), aligned(4), may_alias));
typedef int lane_bits_t __attribute__((vector_size(16)));
typedef uint32_t lane_words_t __attribute__((vector_size(16)));
typedef uint16_t halves_t __attribute__((vector_size(8), aligned(2), may_alias));

static inline lanes_t lanes_at(const float *from) { return *(const lanes_t *)from; }

static inline float lanes_sum(lanes_t a) { return (a[0] + a[2]) + (a[1] + a[3]); }

/* A NaN is not below zero: it stays. */
static inline lanes_t lanes_relu(lanes_t a) { return (lanes_t)((lane_bits_t)a & ~(a < (lanes_t){0})); }

static inline float lanes_dot(const float *a, const float *b, ptrdiff_t dims)
{
    lanes_t s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    ptrdiff_t d = 0;
    float rest = 0;
    for (; d + 16 <= dims; d += 16) {
        s0 += lanes_at(a + d) * lanes_at(b + d);
        s1 += lanes_at(a + d + 4) * lanes_at(b + d + 4);
        s2 += lanes_at(a + d + 8) * lanes_at(b + d + 8);
        s3 += lanes_at(a + d + 12) * lanes_at(b + d + 12);
    }
    for (; d < dims; d++)
        rest += a[d] * b[d];
    return lanes_sum((s0 + s1) + (s2 + s3)) + rest;
}

/* Half-precision floats, exactly, in the integer unit: baseline x86-64 has no instruction for them. The exponent is
 * moved to its place and its bias made good by a multiplication, which subnormal halves survive. Infinities and NaN
 * come out as numbers above 65504; a release holds none. */
static inline lanes_t lanes_of_halves(const uint16_t *from)
{
    lane_words_t bits = __builtin_convertvector(*(const halves_t *)from, lane_words_t);
    lanes_t magnitude = (lanes_t)((bits & 0x7fffu) << 13) * 0x1p112f;
    return (lanes_t)((lane_words_t)magnitude | (bits & 0x8000u) << 16);
}

static inline float half_value(uint16_t half)
{
    uint32_t bits = (uint32_t)(half & 0x7fffu) << 13;
    float magnitude;
    memcpy(&magnitude, &bits, sizeof magnitude);
    return half & 0x8000u ? -(magnitude * 0x1p112f) : magnitude * 0x1p112f;
}

/* The inner products of a vector of halves with a vector of floats, and with itself. */
static inline void lanes_dot_halves(const uint16_t *a, const float *b, ptrdiff_t dims, float *dot, float *square)
{
    lanes_t d0 = {0}, d1 = {0}, s0 = {0}, s1 = {0};
    ptrdiff_t d = 0;
    float rest = 0, rest_square = 0;
    for (; d + 8 <= dims; d += 8) {
        lanes_t low = lanes_of_halves(a + d), high = lanes_of_halves(a + d + 4);
        d0 += low * lanes_at(b + d);
        d1 += high * lanes_at(b + d + 4);
        s0 += low * low;
        s1 += high * high;
    }
    for (; d < dims; d++) {
        float value = half_value(a[d]);
        rest += value * b[d];
        rest_square += value * value;
    }
    *dot = lanes_sum(d0 + d1) + rest;
    *square = lanes_sum(s0 + s1) + rest_square;
}

/* relu(x w1 + b1) w2 with HEAD_UNITS hidden units, which all stay in registers. w1 is [width, HEAD_UNITS]. */
static inline float lanes_head(const float *x, ptrdiff_t width, const float *w1, const float *b1, const float *w2)
{
    lanes_t h0 = lanes_at(b1), h1 = lanes_at(b1 + 4), h2 = lanes_at(b1 + 8), h3 = lanes_at(b1 + 12);
    for (ptrdiff_t c = 0; c < width; c++, w1 += HEAD_UNITS) {
        h0 += x[c] * lanes_at(w1);
        h1 += x[c] * lanes_at(w1 + 4);
        h2 += x[c] * lanes_at(w1 + 8);
        h3 += x[c] * lanes_at(w1 + 12);
    }
    h0 = lanes_relu(h0) * lanes_at(w2) + lanes_relu(h1) * lanes_at(w2 + 4);
    h2 = lanes_relu(h2) * lanes_at(w2 + 8) + lanes_relu(h3) * lanes_at(w2 + 12);
    return lanes_sum(h0 + h2);
}

/* Asks for the cache lines of a vector that is needed a few steps later: rows of a large table are never in cache. */
static inline void prefetch_vector(const float *vector, ptrdiff_t dims)
{
    for (ptrdiff_t d = 0; d < dims; d += 16)
        __builtin_prefetch(vector + d);
}

static inline void prefetch_halves(const uint16_t *vector, ptrdiff_t dims)
{
    for (ptrdiff_t d = 0; d < dims; d += 32)
        __builtin_prefetch(vector + d);
}

static inline void prefetch_value(const void *value) { __builtin_prefetch(value); }

#endif
