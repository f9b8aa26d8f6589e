/* The long loops over floats, for vectors of LANES of them, and one over int8. _lanes.h includes this once a width, with LOOPS_TARGET the
 * instructions that the width needs, so that each copy is made of the machine's own vectors.
 *
 * Every width makes the same sixteen sums in the same order, and products are never fused with sums: all machines get
 * the same bits.
 */
#define NAMED_AS(name, lanes) name##_##lanes
#define NAMED_FOR(name, lanes) NAMED_AS(name, lanes)
#define NAMED(name) NAMED_FOR(name, LANES)
#define INLINE static inline __attribute__((always_inline)) LOOPS_TARGET
#define LOOP static LOOPS_TARGET

#define PARTS (SUMS / LANES)
#define BLOCK_PARTS 8

#define vec_t NAMED(vec)
#define words_t NAMED(words)
#define shorts_t NAMED(shorts)

typedef float vec_t __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t words_t __attribute__((vector_size(4 * LANES)));
typedef uint16_t shorts_t __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

/* The sum of SUMS floats that stand in PARTS vectors. */
INLINE float NAMED(sum)(const vec_t *parts)
{
    float sums[SUMS];
    memcpy(sums, parts, sizeof sums);
    return lanes_sum((lanes_at(sums) + lanes_at(sums + 4)) + (lanes_at(sums + 8) + lanes_at(sums + 12)));
}

INLINE float NAMED(dot)(const float *a, const float *b, ptrdiff_t dims)
{
    vec_t sums[PARTS] = {{0}};
    ptrdiff_t d = 0;
    float rest = 0;
    for (; d + SUMS <= dims; d += SUMS)
        for (int part = 0; part < PARTS; part++)
            sums[part] += *(const vec_t *)(a + d + part * LANES) * *(const vec_t *)(b + d + part * LANES);
    for (; d < dims; d++)
        rest += a[d] * b[d];
    return NAMED(sum)(sums) + rest;
}

/* relu(x w1 + b1) w2 with HEAD_UNITS hidden units, which all stay in registers. w1 is [width, HEAD_UNITS]. */
INLINE float NAMED(head)(const head_t *head, const float *x)
{
    const float *w1 = head->w1;
    vec_t hidden[PARTS];
    for (int part = 0; part < PARTS; part++)
        hidden[part] = *(const vec_t *)(head->b1 + part * LANES);
    for (ptrdiff_t c = 0; c < head->width; c++, w1 += HEAD_UNITS)
        for (int part = 0; part < PARTS; part++)
            hidden[part] += x[c] * *(const vec_t *)(w1 + part * LANES);
    for (int part = 0; part < PARTS; part++) {
        /* A NaN is not below zero: it stays. */
        hidden[part] = (vec_t)((words_t)hidden[part] & ~(words_t)(hidden[part] < (vec_t){0}));
        hidden[part] *= *(const vec_t *)(head->w2 + part * LANES);
    }
    return NAMED(sum)(hidden);
}

/* Half-precision floats, exactly, in the integer unit: baseline x86-64 has no instruction for them. The exponent is
 * moved to its place and its bias made good by a multiplication, which subnormal halves survive. Infinities and NaN
 * come out as numbers above 65504; a release holds none. */
INLINE vec_t NAMED(of_halves)(const uint16_t *from)
{
    words_t bits = __builtin_convertvector(*(const shorts_t *)from, words_t);
    vec_t magnitude = (vec_t)((bits & 0x7fffu) << 13) * 0x1p112f;
    return (vec_t)((words_t)magnitude | (bits & 0x8000u) << 16);
}

INLINE float NAMED(cosine)(const uint16_t *halves, const float *user, float user_norm, ptrdiff_t dims)
{
    vec_t dots[PARTS] = {{0}}, squares[PARTS] = {{0}};
    ptrdiff_t d = 0;
    float dot = 0, square = 0, norm;
    for (; d + SUMS <= dims; d += SUMS)
        for (int part = 0; part < PARTS; part++) {
            vec_t values = NAMED(of_halves)(halves + d + part * LANES);
            dots[part] += values * *(const vec_t *)(user + d + part * LANES);
            squares[part] += values * values;
        }
    for (; d < dims; d++) {
        float value = half_value(halves[d]);
        dot += value * user[d];
        square += value * value;
    }
    norm = sqrtf(NAMED(sum)(squares) + square) * user_norm;
    return norm > 0 ? (NAMED(sum)(dots) + dot) / norm : 0;
}

/* out[i] = vectors[rows[i]] . user */
LOOP void NAMED(dot_rows)(
    const float *vectors, const int32_t *rows, ptrdiff_t count, const float *user, ptrdiff_t dims, float *out)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            prefetch_vector(vectors + rows[i + PREFETCH_AHEAD] * dims, dims);
        out[i] = NAMED(dot)(vectors + rows[i] * dims, user, dims);
    }
}

/* out[i * step] = the cosine of halves[rows[i]] and user; 0 where either has no length. */
LOOP void NAMED(cosine_rows)(
    const uint16_t *halves, const int32_t *rows, ptrdiff_t count, const float *user, ptrdiff_t dims, float *out,
    ptrdiff_t step)
{
    float norm = sqrtf(NAMED(dot)(user, user, dims));
    for (ptrdiff_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            prefetch_halves(halves + rows[i + PREFETCH_AHEAD] * dims, dims);
        out[i * step] = norm > 0 ? NAMED(cosine)(halves + rows[i] * dims, user, norm, dims) : 0;
    }
}

/* out[i] = scale (vectors[rows[i]] . user) + bias + the head of cross[i]. In one loop: heads are computed while vectors are
 * on their way from memory. */
LOOP void NAMED(score_rows)(
    const float *vectors, const int32_t *rows, ptrdiff_t count, const float *user, ptrdiff_t dims, const head_t *head,
    float *out)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            prefetch_vector(vectors + rows[i + PREFETCH_AHEAD] * dims, dims);
        out[i] = NAMED(dot)(vectors + rows[i] * dims, user, dims) * head->scale + head->bias;
        out[i] += NAMED(head)(head, head->cross + i * head->width);
    }
}

/* out[u] = b[u] + sum of x[i] w[i, u] over the inputs that are not zero, ascending: most of an encoded input is one-hot.
 * A block of units stays in registers for all inputs. present: room for as many numbers as there are inputs. */
LOOP void NAMED(dense)(
    const float *x, ptrdiff_t inputs, const float *w, const float *b, ptrdiff_t units, float *out, int32_t *present)
{
    ptrdiff_t count = 0, u = 0;
    for (ptrdiff_t i = 0; i < inputs; i++) {
        present[count] = (int32_t)i;
        count += x[i] != 0;
    }
    for (; u + BLOCK_PARTS * LANES <= units; u += BLOCK_PARTS * LANES) {
        vec_t sums[BLOCK_PARTS];
        for (int part = 0; part < BLOCK_PARTS; part++)
            sums[part] = *(const vec_t *)(b + u + part * LANES);
        for (ptrdiff_t i = 0; i < count; i++) {
            const float *row = w + present[i] * units + u;
            for (int part = 0; part < BLOCK_PARTS; part++)
                sums[part] += x[present[i]] * *(const vec_t *)(row + part * LANES);
        }
        for (int part = 0; part < BLOCK_PARTS; part++)
            *(vec_t *)(out + u + part * LANES) = sums[part];
    }
    for (ptrdiff_t rest = u; rest < units; rest++)
        out[rest] = b[rest];
    for (ptrdiff_t i = 0; i < count && u < units; i++)
        for (ptrdiff_t rest = u; rest < units; rest++)
            out[rest] += x[present[i]] * w[present[i] * units + rest];
}

/* near[i] = query . codes[rows[i]], in whole numbers, which the compiler itself makes vectors of: it may order their sum.
 * A unit vector's is at most 32767 * 128 * sqrt(dims), so (2 ** 31 / (32767 * 128)) ** 2 dims fit. */
LOOP void NAMED(dot_codes)(
    const int8_t *codes, const int32_t *rows, ptrdiff_t count, const int16_t *query, ptrdiff_t dims, int32_t *near)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        const int8_t *code = codes + rows[i] * dims;
        int32_t sum = 0;
        for (ptrdiff_t d = 0; d < dims; d++)
            sum += (int32_t)query[d] * (int16_t)code[d];
        near[i] = sum;
    }
}

static const loops_t NAMED(loops) = {
    NAMED(dot_rows), NAMED(cosine_rows), NAMED(score_rows), NAMED(dense), NAMED(dot_codes)};

#undef NAMED_AS
#undef NAMED_FOR
#undef NAMED
#undef INLINE
#undef LOOP
#undef PARTS
#undef BLOCK_PARTS
#undef vec_t
#undef words_t
#undef shorts_t
#undef LANES
#undef LOOPS_TARGET
