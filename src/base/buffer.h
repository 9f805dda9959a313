/* base/buffer.h - bytes that grow. */
#ifndef WEIR_BASE_BUFFER_H
#define WEIR_BASE_BUFFER_H

#include <stddef.h>

#include <weir/error.h>

/* All zero is an empty buffer.  bytes has room for capacity; length are used. */
struct weir__buffer {
    char *bytes;
    size_t length, capacity;
};

/* Frees the memory and leaves an empty buffer. */
void weir__buffer_clear(struct weir__buffer *buffer);

/* The next capacity of something that grows: double, or a quarter more from 1 MiB on. */
size_t weir__capacity_after(size_t capacity);

/* Makes room for extra bytes after length, growing in proportion.  Errors: NOMEM. */
int weir__buffer_reserve(struct weir__buffer *buffer, size_t extra, struct weir_error *error);

/* Gives memory back where the capacity is over keep bytes and several times the length. */
void weir__buffer_shrink(struct weir__buffer *buffer, size_t keep);

/* Appends length bytes.  Copies them.  Errors: NOMEM. */
int weir__buffer_add(struct weir__buffer *buffer, const void *bytes, size_t length,
                     struct weir_error *error);

/* The bytes with a NUL byte after the last (not counted in length), valid until the
 * buffer changes.  Returns NULL when memory is short. */
const char *weir__buffer_text(struct weir__buffer *buffer);

/* Hands the memory over with a NUL byte after the last byte (not counted in
 * length) and leaves an empty buffer.  The caller owns it and frees it with
 * free().  Returns NULL when memory is short; the buffer then stays. */
char *weir__buffer_take(struct weir__buffer *buffer, size_t *length);

#endif
