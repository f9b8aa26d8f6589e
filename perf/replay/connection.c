#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 18, WINDOW_BYTES = 1 << 30, STREAMS_MAX = 1 << 20, FIELDS_OWN = 6 };

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static ssize_t give_request(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t room, uint32_t *flags,
                            nghttp2_data_source *source, void *data) {
    (void)session, (void)stream, (void)data;
    call *asked = source->ptr;
    size_t left = asked->request->length - asked->taken, given = left < room ? left : room;
    memcpy(buffer, asked->request->data + asked->taken, given);
    asked->taken += given;
    if (asked->taken == asked->request->length) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)given;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
    (void)data;
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    call *started = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (started) started->sent_ns = now_ns();
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                     const uint8_t *value, size_t value_length, uint8_t flags, void *data) {
    (void)flags, (void)data;
    static const char wanted[] = "grpc-status";
    if (name_length != sizeof wanted - 1 || memcmp(name, wanted, name_length) != 0) return 0;
    call *asked = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    int status = 0;
    for (size_t at = 0; at < value_length && at < 3; at++) status = status * 10 + (value[at] - '0');
    if (asked) asked->status = status >= 0 && status < GRPC_STATUSES ? status : 2; /* 2: UNKNOWN, as gRPC says */
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes, size_t length,
                   void *data) {
    (void)flags, (void)data;
    call *asked = nghttp2_session_get_stream_user_data(session, stream);
    if (!asked) return 0;
    if (asked->keep && asked->reply_length + length <= REPLY_BYTES_MAX) {
        if (asked->reply_length + length > asked->reply_room) {
            asked->reply_room = 2 * (asked->reply_length + length);
            asked->reply = realloc(asked->reply, asked->reply_room);
            if (!asked->reply) die("out of memory");
        }
        memcpy(asked->reply + asked->reply_length, bytes, length);
    }
    asked->reply_length += length;
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *data) {
    connection *self = data;
    call *asked = nghttp2_session_get_stream_user_data(session, stream);
    if (!asked) return 0;
    if (error != NGHTTP2_NO_ERROR && asked->status <= 0) asked->status = STATUS_LOST;
    if (asked->status == 0 && asked->reply_length == 0) asked->status = STATUS_MISSING; /* an OK must bring a message */
    nghttp2_session_set_stream_user_data(session, stream, NULL);
    self->ended(self->owner, self, asked);
    return 0;
}

static void connect_socket(connection *self, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    self->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->socket < 0 || connect(self->socket, (struct sockaddr *)&address, sizeof address) != 0)
        die("cannot connect to 127.0.0.1:%d: %s", port, strerror(errno));
    setsockopt(self->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void connection_open(connection *self, int port) {
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    connect_socket(self, port);
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) die("out of memory");
    nghttp2_option_set_peer_max_concurrent_streams(option, STREAMS_MAX);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    if (nghttp2_session_client_new2(&self->session, callbacks, self, option) != 0) die("out of memory");
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry wishes[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
                                             {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
    nghttp2_submit_settings(self->session, NGHTTP2_FLAG_NONE, wishes, sizeof wishes / sizeof *wishes);
    nghttp2_session_set_local_window_size(self->session, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES);
}

#define FIELD(key, text, size) \
    {(uint8_t *)(key), (uint8_t *)(text), sizeof(key) - 1, (size), \
     NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE}
#define FIXED(key, text) FIELD(key, text, sizeof(text) - 1)

static nghttp2_nv field(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

void connection_start(connection *self, call *started) {
    nghttp2_nv fields[FIELDS_OWN + HEADERS_MAX] = {
        FIXED(":method", "POST"),      FIXED(":scheme", "http"),
        FIELD(":path", self->path, strlen(self->path)), FIXED(":authority", "127.0.0.1"),
        FIXED("content-type", "application/grpc"), FIXED("te", "trailers"),
    };
    for (size_t at = 0; at < self->extra->count; at++)
        fields[FIELDS_OWN + at] = field(self->extra->names[at], self->extra->values[at]);
    const nghttp2_data_provider body = {.source.ptr = started, .read_callback = give_request};
    started->taken = started->reply_length = 0;
    started->status = STATUS_MISSING;
    started->sent_ns = 0;
    if (nghttp2_session_check_request_allowed(self->session) && /* not after the server has said goodbye */
        nghttp2_submit_request(self->session, NULL, fields, FIELDS_OWN + self->extra->count, &body, started) >= 0)
        return;
    self->lost = true;
    started->status = STATUS_LOST;
    self->ended(self->owner, self, started);
}

/* Gathers the frames that are ready, so that many calls leave in one write. */
static void gather(connection *self) {
    const uint8_t *part;
    ssize_t length;
    while ((length = nghttp2_session_mem_send(self->session, &part)) > 0) {
        if (self->unsent_length + (size_t)length > self->unsent_room) {
            self->unsent_room = 2 * (self->unsent_length + (size_t)length);
            self->unsent = realloc(self->unsent, self->unsent_room);
            if (!self->unsent) die("out of memory");
        }
        memcpy(self->unsent + self->unsent_length, part, (size_t)length);
        self->unsent_length += (size_t)length;
    }
    if (length < 0) self->lost = true;
}

void connection_write(connection *self) {
    if (self->lost) return;
    if (self->unsent_at == self->unsent_length) {
        self->unsent_at = self->unsent_length = 0;
        gather(self);
    }
    while (self->unsent_at < self->unsent_length) {
        ssize_t sent = send(self->socket, self->unsent + self->unsent_at, self->unsent_length - self->unsent_at,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR) self->lost = true;
            return;
        }
        self->unsent_at += (size_t)sent;
    }
}

void connection_read(connection *self) {
    static uint8_t buffer[READ_BYTES];
    if (self->lost) return;
    ssize_t got = recv(self->socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0 || nghttp2_session_mem_recv(self->session, buffer, (size_t)got) < 0) self->lost = true;
    if (!nghttp2_session_want_read(self->session) && !nghttp2_session_want_write(self->session)) self->lost = true;
}

bool connection_wants_write(const connection *self) {
    return self->unsent_at < self->unsent_length || nghttp2_session_want_write(self->session);
}

void connection_close(connection *self) {
    self->lost = true;
    nghttp2_session_del(self->session);
    close(self->socket);
    free(self->unsent);
}
