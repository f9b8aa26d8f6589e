/* Inner products of int8 vectors with a query: sixteen factors an instruction where the machine has AVX2, which it is
 * asked when the module is loaded; whole numbers, so every machine gets the same.
 */
#ifndef EXT_CODES_H
#define EXT_CODES_H

#include <stddef.h>
#include <stdint.h>

/* Clones need a loader that chooses between them; the sanitizer starts before it has. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define FOR_EACH_MACHINE __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_MACHINE
#endif

/* near[j] = query . codes[rows[j]], for count rows. Up to 2 ** 31 / (32767 * 128) dims at their largest; a unit vector's
 * sum is at most 32767 * 128 * sqrt(dims). */
FOR_EACH_MACHINE
static void dot_codes(
    const int8_t *codes, const int32_t *rows, ptrdiff_t count, const int16_t *query, ptrdiff_t dims, int32_t *near)
{
    for (ptrdiff_t j = 0; j < count; j++) {
        const int8_t *code = codes + (ptrdiff_t)rows[j] * dims;
        int32_t sum = 0;
        for (ptrdiff_t d = 0; d < dims; d++)
            sum += (int32_t)query[d] * (int16_t)code[d];
        near[j] = sum;
    }
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

#endif
