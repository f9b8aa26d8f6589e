/* Loops over floats in the vector types of gcc and clang, in as many widths as the machine may have: four floats (SSE2 on
 * any x86-64, NEON on any ARM64) or eight (AVX2). What the machine has is asked when a kernel is called. Sixteen (AVX-512)
 * were slower than eight.
 *
 * Sixteen independent sums hide the latency of the addition, which one sum, or a loop over an array of sums in memory,
 * would wait for. Written out, no compiler flag has to allow sums to be reordered, so NaN, infinities and the order
 * of every other sum stay as written.
 */
#ifndef EXT_LANES_H
#define EXT_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HEAD_UNITS 16
#define SUMS 16

/* How many candidates ahead a vector is asked for: rows of a large table are never in cache. */
#define PREFETCH_AHEAD 8

/* The widest vectors to use; fewer only in builds that test the narrower loops. */
#ifndef LANES_MAX
#define LANES_MAX 8
#endif

typedef float lanes_t __attribute__((vector_size(16), aligned(4), may_alias));

static inline lanes_t lanes_at(const float *from) { return *(const lanes_t *)from; }

static inline float lanes_sum(lanes_t a) { return (a[0] + a[2]) + (a[1] + a[3]); }

static inline float half_value(uint16_t half)
{
    uint32_t bits = (uint32_t)(half & 0x7fffu) << 13;
    float magnitude;
    memcpy(&magnitude, &bits, sizeof magnitude);
    return half & 0x8000u ? -(magnitude * 0x1p112f) : magnitude * 0x1p112f;
}

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

static inline void prefetch_codes(const int8_t *codes, ptrdiff_t dims)
{
    for (ptrdiff_t d = 0; d < dims; d += 64)
        __builtin_prefetch(codes + d);
}

static inline void prefetch_links(const int32_t *links, ptrdiff_t degree)
{
    for (ptrdiff_t d = 0; d < degree; d += 16)
        __builtin_prefetch(links + d);
}

static inline void prefetch_value(const void *value) { __builtin_prefetch(value); }

/* What follows the inner product: scale and bias, and the head over the cross features, cross[count, width]. */
typedef struct {
    float scale, bias;
    ptrdiff_t width;
    const float *cross, *w1, *b1, *w2;
} head_t;

/* See _loops.h. */
typedef void (*dot_codes_t)(const int8_t *, const int32_t *, ptrdiff_t, const int16_t *, ptrdiff_t, int32_t *);

typedef struct {
    void (*dot_rows)(const float *, const int32_t *, ptrdiff_t, const float *, ptrdiff_t, float *);
    void (*cosine_rows)(
        const uint16_t *, const int32_t *, ptrdiff_t, const float *, ptrdiff_t, float *, ptrdiff_t);
    void (*score_rows)(
        const float *, const int32_t *, ptrdiff_t, const float *, ptrdiff_t, const head_t *, float *);
    void (*dense)(const float *, ptrdiff_t, const float *, const float *, ptrdiff_t, float *, int32_t *);
    dot_codes_t dot_codes;
} loops_t;

#define LANES 4
#define LOOPS_TARGET
#include "_loops.h"

#ifdef __x86_64__
#define LANES 8
#define LOOPS_TARGET __attribute__((target("avx2")))
#include "_loops.h"
#endif

/* The loops of the widest vectors that the machine has. */
static inline const loops_t *machine_loops(void)
{
#ifdef __x86_64__
    if (LANES_MAX >= 8 && __builtin_cpu_supports("avx2"))
        return &loops_8;
#endif
    return &loops_4;
}

#endif
