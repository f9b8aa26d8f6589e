#include "histogram.h"

#include <math.h>

static unsigned bucket_of(uint64_t value) {
    if (value < (1u << HISTOGRAM_SUB_BITS)) return (unsigned)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return ((shift + 1) << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift) - (1u << HISTOGRAM_SUB_BITS);
}

static double middle_of(unsigned bucket) {
    if (bucket < (1u << HISTOGRAM_SUB_BITS)) return bucket;
    unsigned shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    unsigned lead = (bucket & ((1u << HISTOGRAM_SUB_BITS) - 1)) + (1u << HISTOGRAM_SUB_BITS);
    return (lead + 0.5) * (double)(1ull << shift);
}

void histogram_add(histogram *self, uint64_t value) {
    self->counts[bucket_of(value)]++;
    self->total++;
    self->sum += (double)value;
    if (value > self->largest) self->largest = value;
}

double histogram_percentile(const histogram *self, double share) {
    uint64_t wanted = (uint64_t)ceil(share * (double)self->total), seen = 0;
    if (self->total == 0) return 0;
    if (wanted == 0) wanted = 1;
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += self->counts[bucket];
        if (seen >= wanted) return fmin(middle_of(bucket), (double)self->largest);
    }
    return (double)self->largest;
}

double histogram_mean(const histogram *self) { return self->total ? self->sum / (double)self->total : 0; }
