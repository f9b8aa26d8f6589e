/* Replays recorded requests against a gRPC server and says how long each took, counted from when it was planned. */
#define _GNU_SOURCE
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "bodies.h"
#include "connection.h"
#include "histogram.h"
#include "options.h"

enum { GRPC_PREFIX_BYTES = 5, AWAKE_NS = 50000 };
static const double NS = 1e9;

typedef struct {
    options wanted;
    bodies requests;
    connection connections[CONNECTIONS_MAX];
    uint64_t under_way[CONNECTIONS_MAX];
    call *calls, *free;
    uint64_t begin_ns, measured_ns, until_ns; /* of the schedule: begin, end of the warm-up, end */
    uint64_t next, next_planned_ns, chance;
    uint64_t open, unsent, statuses[GRPC_STATUSES], missing, lost, in_time, reply_bytes, kept;
    histogram latency, refusal, lag;
    FILE *keep;
} replay;

static bool measured(const replay *self, uint64_t planned_ns) { return planned_ns >= self->measured_ns; }

static void count_status(replay *self, int status) {
    if (status >= 0) self->statuses[status]++;
    else if (status == STATUS_MISSING) self->missing++;
    else self->lost++;
}

static void ended(void *owner, connection *from, call *done) {
    replay *self = owner;
    uint64_t now = now_ns();
    if (measured(self, done->planned_ns)) {
        count_status(self, done->status);
        if (done->sent_ns) histogram_add(&self->lag, done->sent_ns - done->planned_ns);
        if (done->status == 0) {
            histogram_add(&self->latency, now - done->planned_ns);
            self->reply_bytes += done->reply_length;
            self->in_time += now <= self->until_ns;
        }
        if (done->status > 0) histogram_add(&self->refusal, now - done->planned_ns);
        if (done->status == 0 && done->keep && done->reply_length <= REPLY_BYTES_MAX) {
            record_write(self->keep, done->reply + GRPC_PREFIX_BYTES, done->reply_length - GRPC_PREFIX_BYTES);
            self->kept++;
        }
    }
    self->under_way[from - self->connections]--;
    self->open--;
    done->request = NULL;
    done->next_free = self->free;
    self->free = done;
}

static void start(replay *self, int which, uint64_t planned_ns) {
    uint64_t number = self->next++;
    call *started = self->free;
    if (!started || self->connections[which].lost) {
        self->unsent += measured(self, planned_ns);
        return;
    }
    self->free = started->next_free;
    started->planned_ns = planned_ns;
    started->request = &self->requests.messages[(self->wanted.first + number) % self->requests.count];
    started->keep = self->keep && number % self->wanted.keep_every == 0 && self->kept < self->wanted.keep_max;
    self->under_way[which]++;
    self->open++;
    connection_start(&self->connections[which], started);
}

static void plan_next(replay *self) {
    const options *wanted = &self->wanted;
    if (!wanted->poisson) { /* from the number, so that rounding does not add up */
        self->next_planned_ns = self->begin_ns + (uint64_t)((double)self->next * NS / wanted->rate);
        return;
    }
    self->chance ^= self->chance << 13; /* xorshift64, Marsaglia 2003 */
    self->chance ^= self->chance >> 7;
    self->chance ^= self->chance << 17;
    double uniform = ((double)(self->chance >> 11) + 0.5) / 9007199254740992.0;
    self->next_planned_ns += (uint64_t)(-log(uniform) * NS / wanted->rate);
}

/* Starts what is due; returns the time until which there is nothing to start. */
static uint64_t start_open(replay *self, uint64_t now) {
    while (self->next_planned_ns <= now && self->next_planned_ns < self->until_ns) {
        start(self, (int)(self->next % (uint64_t)self->wanted.connections), self->next_planned_ns);
        plan_next(self);
    }
    return self->next_planned_ns;
}

static uint64_t start_closed(replay *self, uint64_t now) {
    const uint64_t connections = (uint64_t)self->wanted.connections;
    if (now < self->begin_ns) return self->begin_ns;
    for (uint64_t which = 0; which < connections && now < self->until_ns; which++) {
        uint64_t share = (self->wanted.in_flight + connections - 1 - which) / connections;
        while (self->under_way[which] < share && !self->connections[which].lost) start(self, (int)which, now);
    }
    return self->until_ns;
}

static bool all_lost(const replay *self) {
    for (int which = 0; which < self->wanted.connections; which++)
        if (!self->connections[which].lost) return false;
    return true;
}

static void exchange(replay *self, uint64_t wake_ns) {
    struct pollfd waiting[CONNECTIONS_MAX];
    const int count = self->wanted.connections;
    for (int which = 0; which < count; which++) {
        connection *each = &self->connections[which];
        connection_write(each);
        waiting[which] = (struct pollfd){each->lost ? -1 : each->socket, POLLIN, 0};
        if (each->unsent_at < each->unsent_length) waiting[which].events |= POLLOUT;
    }
    uint64_t now = now_ns(), wait_ns = wake_ns > now + AWAKE_NS ? wake_ns - now - AWAKE_NS : 0;
    const struct timespec timeout = {(time_t)(wait_ns / 1000000000u), (long)(wait_ns % 1000000000u)};
    if (ppoll(waiting, (nfds_t)count, &timeout, NULL) <= 0) return;
    for (int which = 0; which < count; which++)
        if (waiting[which].revents & ~POLLOUT) connection_read(&self->connections[which]);
}

static void run(replay *self) {
    const uint64_t last_ns = self->until_ns + (uint64_t)(self->wanted.patience_s * NS);
    for (;;) {
        uint64_t now = now_ns();
        uint64_t wake_ns = self->wanted.rate > 0 ? start_open(self, now) : start_closed(self, now);
        bool all_started = self->wanted.rate > 0 ? self->next_planned_ns >= self->until_ns : now >= self->until_ns;
        if ((all_started && self->open == 0) || now >= last_ns || all_lost(self)) return;
        exchange(self, all_started ? last_ns : wake_ns);
    }
}

/* Calls that an open loop had planned when its last connection broke. */
static void count_rest(replay *self) {
    if (self->wanted.rate == 0) return;
    for (; self->next_planned_ns < self->until_ns; self->next++, plan_next(self))
        self->unsent += measured(self, self->next_planned_ns);
}

static uint64_t unanswered(const replay *self) {
    uint64_t count = 0;
    for (const call *each = self->calls; each < self->calls + self->wanted.open_max; each++)
        count += each->request != NULL && measured(self, each->planned_ns);
    return count;
}

static double cpu_s(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void print_percentiles(const char *name, const histogram *counted) {
    static const struct { const char *name; double share; } points[] = {
        {"p50", .5}, {"p90", .9}, {"p95", .95}, {"p99", .99}, {"p999", .999}, {"p9999", .9999}};
    printf("\"%s\": {\"mean\": %.6f", name, histogram_mean(counted) / 1e6);
    for (size_t at = 0; at < sizeof points / sizeof *points; at++)
        printf(", \"%s\": %.6f", points[at].name, histogram_percentile(counted, points[at].share) / 1e6);
    printf(", \"max\": %.6f}", (double)counted->largest / 1e6);
}

static void print_statuses(const replay *self) {
    const char *comma = "";
    printf("\"statuses\": {");
    for (int status = 0; status < GRPC_STATUSES; status++) {
        if (!self->statuses[status]) continue;
        printf("%s\"%d\": %llu", comma, status, (unsigned long long)self->statuses[status]);
        comma = ", ";
    }
    printf("}");
}

static void print_result(const replay *self, double used_s, double taken_s) {
    uint64_t calls = self->missing + self->lost + self->unsent, waiting = unanswered(self);
    int broken = 0;
    for (int status = 0; status < GRPC_STATUSES; status++) calls += self->statuses[status];
    for (int which = 0; which < self->wanted.connections; which++) broken += self->connections[which].lost;
    calls += waiting;
    printf("{\"calls\": %llu, \"ok\": %llu, \"errors\": %llu, ", (unsigned long long)calls,
           (unsigned long long)self->statuses[0], (unsigned long long)(calls - self->statuses[0]));
    print_statuses(self);
    printf(", \"without_status\": %llu, \"broken_off\": %llu, \"unanswered\": %llu, \"unsent\": %llu, ",
           (unsigned long long)self->missing, (unsigned long long)self->lost, (unsigned long long)waiting,
           (unsigned long long)self->unsent);
    printf("\"connections_lost\": %d, \"rps\": %.3f, \"seconds\": %.6f, ", broken,
           (double)self->in_time / self->wanted.seconds, self->wanted.seconds);
    print_percentiles("latency_ms", &self->latency);
    printf(", ");
    print_percentiles("refusal_ms", &self->refusal);
    printf(", ");
    print_percentiles("lag_ms", &self->lag);
    printf(", \"cpu_s\": %.6f, \"cpu_share\": %.6f, \"reply_bytes\": %llu, \"kept\": %llu}\n", used_s, used_s / taken_s,
           (unsigned long long)self->reply_bytes, (unsigned long long)self->kept);
}

static void prepare(replay *self) {
    const options *wanted = &self->wanted;
    self->requests = bodies_read(wanted->bodies);
    if (wanted->rate == 0) self->wanted.open_max = wanted->in_flight;
    self->calls = calloc(wanted->open_max, sizeof *self->calls);
    if (!self->calls) die("out of memory");
    for (uint64_t at = 0; at < wanted->open_max; at++) {
        self->calls[at].next_free = self->free;
        self->free = &self->calls[at];
    }
    if (wanted->keep_file && !(self->keep = fopen(wanted->keep_file, "wb"))) die("cannot write %s", wanted->keep_file);
    for (int which = 0; which < wanted->connections; which++) {
        self->connections[which].path = wanted->method;
        self->connections[which].extra = &self->wanted.headers;
        self->connections[which].owner = self;
        self->connections[which].ended = ended;
        connection_open(&self->connections[which], wanted->port);
    }
    self->chance = wanted->seed * 2862933555777941757u + 3037000493u;
    self->begin_ns = self->next_planned_ns = now_ns() + 10000000u;
    self->measured_ns = self->begin_ns + (uint64_t)(wanted->warm_up_s * NS);
    self->until_ns = self->measured_ns + (uint64_t)(wanted->seconds * NS);
}

int main(int count, char **words) {
    static replay self;
    self.wanted = options_parse(count, words);
    prctl(PR_SET_TIMERSLACK, 1);
    prepare(&self);
    double used_s = cpu_s();
    uint64_t started_ns = now_ns();
    run(&self);
    count_rest(&self);
    print_result(&self, cpu_s() - used_s, (double)(now_ns() - started_ns) / NS);
    if (self.keep && fclose(self.keep) != 0) die("cannot write %s", self.wanted.keep_file);
    for (int which = 0; which < self.wanted.connections; which++) connection_close(&self.connections[which]);
    return 0;
}
