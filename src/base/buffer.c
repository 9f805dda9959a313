#include "config.h"

#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { LARGE = 1 << 20 };

void weir__buffer_clear(struct weir__buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct weir__buffer){0};
}

size_t weir__capacity_after(size_t capacity)
{
    return capacity < LARGE ? capacity * 2 : capacity + capacity / 4;
}

int weir__buffer_reserve(struct weir__buffer *buffer, size_t extra, struct weir_error *error)
{
    size_t wanted = buffer->length + extra;
    size_t capacity = weir__capacity_after(buffer->capacity);
    char *bytes;

    if (wanted < extra)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %zu more bytes", extra);
    if (wanted <= buffer->capacity)
        return 0;
    if (capacity < wanted)
        capacity = wanted;
    bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for %zu bytes", capacity);
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return 0;
}

void weir__buffer_shrink(struct weir__buffer *buffer, size_t keep)
{
    char *bytes;

    if (buffer->capacity <= keep || buffer->length > buffer->capacity / 4)
        return;
    if (buffer->length == 0) {
        weir__buffer_clear(buffer);
        return;
    }
    bytes = realloc(buffer->bytes, buffer->length);
    if (bytes == NULL)
        return;
    buffer->bytes = bytes;
    buffer->capacity = buffer->length;
}

int weir__buffer_add(struct weir__buffer *buffer, const void *bytes, size_t length,
                     struct weir_error *error)
{
    int status = weir__buffer_reserve(buffer, length, error);

    if (status < 0)
        return status;
    if (length > 0)
        memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return 0;
}

const char *weir__buffer_text(struct weir__buffer *buffer)
{
    if (weir__buffer_reserve(buffer, 1, NULL) < 0)
        return NULL;
    buffer->bytes[buffer->length] = '\0';
    return buffer->bytes;
}

char *weir__buffer_take(struct weir__buffer *buffer, size_t *length)
{
    char *bytes;

    if (weir__buffer_reserve(buffer, 1, NULL) < 0)
        return NULL;
    bytes = buffer->bytes;
    bytes[buffer->length] = '\0';
    if (length != NULL)
        *length = buffer->length;
    *buffer = (struct weir__buffer){0};
    return bytes;
}
