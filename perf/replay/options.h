/* What a run is to do, from the command line. */
#ifndef REPLAY_OPTIONS_H
#define REPLAY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"

enum { CONNECTIONS_MAX = 64, CALLS_OPEN_MAX = 1 << 20 };

typedef struct {
    int port, connections;
    const char *bodies, *method, *keep_file;
    double rate;              /* calls a second of an open loop; 0 = a closed loop */
    bool poisson;             /* whether an open loop's calls come by chance rather than evenly */
    double seconds, warm_up_s, patience_s;
    headers headers;          /* sent with every call, beside those of gRPC itself */
    uint64_t in_flight, open_max, first, seed, keep_every, keep_max;
} options;

/* Ends the program with usage and exit code 2 where an option is unknown, missing or out of its range. */
options options_parse(int count, char **words);

#endif
