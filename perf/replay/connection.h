/* One HTTP/2 connection that carries unary gRPC calls; nghttp2 keeps the protocol, this file the sockets. */
#ifndef REPLAY_CONNECTION_H
#define REPLAY_CONNECTION_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bodies.h"

enum { STATUS_MISSING = -1, STATUS_LOST = -2, GRPC_STATUSES = 17, REPLY_BYTES_MAX = 1 << 20 };

enum { HEADERS_MAX = 4 };

typedef struct {
    const char *names[HEADERS_MAX], *values[HEADERS_MAX]; /* names in lower case, as HTTP/2 has them */
    size_t count;
} headers;

typedef struct call {
    uint64_t planned_ns, sent_ns;
    const message *request;
    size_t taken;    /* bytes of the request that nghttp2 has */
    int status;      /* grpc-status; STATUS_MISSING: none was sent; STATUS_LOST: the stream or connection broke */
    bool keep;       /* whether the reply's bytes are wanted */
    uint8_t *reply;  /* with gRPC's five bytes in front */
    size_t reply_length, reply_room;
    struct call *next_free;
} call;

typedef struct connection {
    int socket;
    bool lost;
    nghttp2_session *session;
    const char *path;
    const headers *extra;
    void (*ended)(void *owner, struct connection *self, call *done); /* told of each call once */
    void *owner;
    uint8_t *unsent;
    size_t unsent_at, unsent_length, unsent_room;
} connection;

uint64_t now_ns(void);

/* Connects to 127.0.0.1, or ends the program. */
void connection_open(connection *self, int port);

/* Queues a call; connection_write sends what is queued. */
void connection_start(connection *self, call *started);

/* Sends what is queued as far as the socket takes it, and reads what has come. Both set lost where the other side is gone. */
void connection_write(connection *self);
void connection_read(connection *self);

bool connection_wants_write(const connection *self);

/* Closes; calls that are still open are forgotten, without a word to ended. */
void connection_close(connection *self);

#endif
