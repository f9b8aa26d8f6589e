#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bodies.h"

static const char usage[] =
    "replay --port P --bodies FILE --method /package.Service/Method [options]\n"
    "  --rate R          open loop: R calls a second, whatever becomes of earlier ones (without: a closed loop)\n"
    "  --poisson         open loop: calls come by chance, R a second on average\n"
    "  --in-flight N     closed loop: calls always under way (8)\n"
    "  --connections C   1 to 64 (2)\n"
    "  --seconds S       measured, up to 240 (4)\n"
    "  --warm-up S       before it, not counted, up to 240 (0)\n"
    "  --patience S      for replies after the last call, up to 60 (5)\n"
    "  --open-max N      open loop: calls under way at most; a call beyond it is counted as unsent (65536)\n"
    "  --header N:V      sent with every call, up to 4 of them, such as grpc-timeout:100m\n"
    "  --first N         the body to begin with (0)\n"
    "  --seed N          of --poisson (7)\n"
    "  --keep-every K    keeps the reply of every Kth call in --keep-file, --keep-max (2000) at most\n"
    "Prints JSON. Bodies and kept replies are records of a length (4 bytes, big-endian) and the message.\n";

enum { PORT, BODIES, METHOD, RATE, POISSON, IN_FLIGHT, CONNECTIONS, SECONDS, WARM_UP, PATIENCE, OPEN_MAX, FIRST, SEED,
       KEEP_EVERY, KEEP_MAX, KEEP_FILE, HEADER };

static const struct option known[] = {
    {"port", required_argument, NULL, PORT},
    {"bodies", required_argument, NULL, BODIES},
    {"method", required_argument, NULL, METHOD},
    {"rate", required_argument, NULL, RATE},
    {"poisson", no_argument, NULL, POISSON},
    {"in-flight", required_argument, NULL, IN_FLIGHT},
    {"connections", required_argument, NULL, CONNECTIONS},
    {"seconds", required_argument, NULL, SECONDS},
    {"warm-up", required_argument, NULL, WARM_UP},
    {"patience", required_argument, NULL, PATIENCE},
    {"open-max", required_argument, NULL, OPEN_MAX},
    {"first", required_argument, NULL, FIRST},
    {"seed", required_argument, NULL, SEED},
    {"keep-every", required_argument, NULL, KEEP_EVERY},
    {"keep-max", required_argument, NULL, KEEP_MAX},
    {"keep-file", required_argument, NULL, KEEP_FILE},
    {"header", required_argument, NULL, HEADER},
    {NULL, 0, NULL, 0},
};

static double number(int which, double least, double most) {
    char *end;
    double value = strtod(optarg, &end);
    if (*end || end == optarg || !(value >= least && value <= most))
        die("--%s: %s is not a number from %g to %g", known[which].name, optarg, least, most);
    return value;
}

static void take_header(headers *self) {
    char *colon = strchr(optarg, ':');
    if (!colon || colon == optarg) die("--header: %s is not NAME:VALUE", optarg);
    if (self->count == HEADERS_MAX) die("--header: more than %d", HEADERS_MAX);
    *colon = '\0';
    self->names[self->count] = optarg;
    self->values[self->count++] = colon + 1;
}

static void take(options *self, int which) {
    switch (which) {
        case PORT: self->port = (int)number(which, 1, 65535); break;
        case BODIES: self->bodies = optarg; break;
        case METHOD: self->method = optarg; break;
        case RATE: self->rate = number(which, 0.01, 1e6); break;
        case POISSON: self->poisson = true; break;
        case IN_FLIGHT: self->in_flight = (uint64_t)number(which, 1, 65536); break;
        case CONNECTIONS: self->connections = (int)number(which, 1, CONNECTIONS_MAX); break;
        case SECONDS: self->seconds = number(which, 0.001, 240); break;
        case WARM_UP: self->warm_up_s = number(which, 0, 240); break;
        case PATIENCE: self->patience_s = number(which, 0, 60); break;
        case OPEN_MAX: self->open_max = (uint64_t)number(which, 1, CALLS_OPEN_MAX); break;
        case FIRST: self->first = (uint64_t)number(which, 0, 1e15); break;
        case SEED: self->seed = (uint64_t)number(which, 0, 1e15); break;
        case KEEP_EVERY: self->keep_every = (uint64_t)number(which, 1, 1e9); break;
        case KEEP_MAX: self->keep_max = (uint64_t)number(which, 1, 1e6); break;
        case KEEP_FILE: self->keep_file = optarg; break;
        case HEADER: take_header(&self->headers); break;
        default: die("see above\n%s", usage);
    }
}

options options_parse(int count, char **words) {
    options self = {.connections = 2, .seconds = 4, .patience_s = 5, .in_flight = 8, .open_max = 65536, .seed = 7,
                    .keep_max = 2000};
    for (int which; (which = getopt_long(count, words, "", known, NULL)) != -1;) take(&self, which);
    if (optind < count || !self.port || !self.bodies || !self.method) die("too much or too little is said\n%s", usage);
    if (!self.keep_every != !self.keep_file) die("--keep-every and --keep-file go together");
    if (self.poisson && self.rate == 0) die("--poisson goes with --rate");
    return self;
}
