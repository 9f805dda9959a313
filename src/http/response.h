/* http/response.h - writes responses: heads, chunks, events.
 *
 * The first failure sticks, as in base/json_writer.h: after it every call does nothing. */
#ifndef WEIR_HTTP_RESPONSE_H
#define WEIR_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct weir__http_writer {
    struct weir__buffer *to;
    int failed;
};

/* The status line, and the fields that every response has. */
void weir__http_write_status(struct weir__http_writer *writer, int status);

/* A field.  value must not have line ends. */
void weir__http_write_field(struct weir__http_writer *writer, const char *name, const char *value);

/* The end of the head, for a body of this length: the body follows. */
void weir__http_write_end(struct weir__http_writer *writer, size_t length);

/* The end of the head, for a body in chunks; then the chunks, and the last one. */
void weir__http_write_end_chunked(struct weir__http_writer *writer);
void weir__http_write_chunk(struct weir__http_writer *writer, const char *bytes, size_t length);
void weir__http_write_last_chunk(struct weir__http_writer *writer);

void weir__http_write(struct weir__http_writer *writer, const char *bytes, size_t length);
void weir__http_write_text(struct weir__http_writer *writer, const char *text);

#endif
