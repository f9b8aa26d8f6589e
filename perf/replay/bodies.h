/* Request bodies and kept replies: files of records, each a length (4 bytes, big-endian) and as many bytes. */
#ifndef REPLAY_BODIES_H
#define REPLAY_BODIES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    const uint8_t *data; /* a gRPC message: 0, the length, the body */
    size_t length;
} message;

typedef struct {
    message *messages;
    size_t count;
} bodies;

/* Reads a whole file; ends the program with a message where it is not such a file or holds no record. */
bodies bodies_read(const char *path);

void record_write(FILE *file, const uint8_t *data, size_t length);

/* Ends the program with exit code 2 and a message. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
