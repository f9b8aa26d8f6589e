/* Latencies in nanoseconds, counted in buckets each at most 1/128 wide: a percentile is exact to 0.8 %. */
#ifndef REPLAY_HISTOGRAM_H
#define REPLAY_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 7, HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS) << HISTOGRAM_SUB_BITS };

typedef struct {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t largest;
    double sum;
} histogram;

void histogram_add(histogram *self, uint64_t value);

/* The smallest bucket's middle that at least share (0 to 1) of the values do not exceed; 0 of an empty histogram. */
double histogram_percentile(const histogram *self, double share);

double histogram_mean(const histogram *self);

#endif
