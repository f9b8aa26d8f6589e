#include "bodies.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX_BYTES = 4 };

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("replay: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static size_t length_at(const uint8_t *at) {
    return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

static uint8_t *whole_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) die("cannot read %s", path);
    fseek(file, 0, SEEK_END);
    long end = ftell(file);
    rewind(file);
    uint8_t *data = malloc(end > 0 ? (size_t)end : 1);
    if (end < 0 || !data || fread(data, 1, (size_t)end, file) != (size_t)end) die("cannot read %s", path);
    fclose(file);
    *size = (size_t)end;
    return data;
}

/* Counts the records, and with room for them makes a message of each. */
static size_t walk(const char *path, const uint8_t *data, size_t size, message *messages) {
    size_t count = 0;
    for (size_t at = 0; at < size; count++) {
        if (size - at < PREFIX_BYTES || length_at(data + at) > size - at - PREFIX_BYTES)
            die("%s: record %zu is cut short", path, count);
        size_t length = length_at(data + at);
        if (messages) {
            uint8_t *copy = calloc(1, length + PREFIX_BYTES + 1);
            if (!copy) die("out of memory");
            memcpy(copy + 1, data + at, length + PREFIX_BYTES);
            messages[count] = (message){copy, length + PREFIX_BYTES + 1};
        }
        at += PREFIX_BYTES + length;
    }
    return count;
}

bodies bodies_read(const char *path) {
    size_t size;
    uint8_t *data = whole_file(path, &size);
    bodies read = {NULL, walk(path, data, size, NULL)};
    if (read.count == 0) die("%s holds no request", path);
    read.messages = calloc(read.count, sizeof *read.messages);
    if (!read.messages) die("out of memory");
    walk(path, data, size, read.messages);
    free(data);
    return read;
}

void record_write(FILE *file, const uint8_t *data, size_t length) {
    const uint8_t prefix[PREFIX_BYTES] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                                          (uint8_t)length};
    fwrite(prefix, 1, sizeof prefix, file);
    fwrite(data, 1, length, file);
}
