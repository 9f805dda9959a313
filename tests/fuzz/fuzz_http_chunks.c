/* Bodies in chunks: read whole or byte by byte they are the same, and what is accepted is the same
 * again when it is written in one chunk. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "fuzz/replay.h"
#include "http/body.h"

static const struct weir__http_request chunked = {.framing = WEIR__HTTP_CHUNKED};

/* Gives step bytes at a time.  Returns the last status; *at is behind what was read. */
static int read_all(const char *bytes, size_t length, size_t step, struct weir__buffer *data,
                    size_t *at)
{
    struct weir__http_body body;
    int status = 0;

    *at = 0;
    weir__http_body_begin(&body, &chunked);
    for (size_t end = 0; status == 0 && *at < length;) {
        end = end + step < length ? end + step : length;
        while (status == 0 && *at < end) {
            struct weir__http_text text;
            size_t used;

            status = weir__http_body_read(&body, bytes + *at, end - *at, &text, &used);
            HOLDS(used > 0 && used <= end - *at && text.length <= used);
            HOLDS(weir__buffer_add(data, text.bytes, text.length, NULL) == 0);
            *at += used;
        }
    }
    HOLDS((status > WEIR__HTTP_DONE) == (body.reason != NULL));
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct weir__buffer whole = {0}, parts = {0}, again = {0}, text = {0};
    size_t at, at_parts, at_again;
    int status = read_all((const char *)bytes, length, length > 0 ? length : 1, &whole, &at);
    char size[20];

    HOLDS(read_all((const char *)bytes, length, 1, &parts, &at_parts) == status);
    HOLDS(at == at_parts && whole.length == parts.length);
    HOLDS(whole.length == 0 || memcmp(whole.bytes, parts.bytes, whole.length) == 0);
    if (status == WEIR__HTTP_DONE && whole.length > 0) {
        snprintf(size, sizeof size, "%zx\r\n", whole.length);
        HOLDS(weir__buffer_add(&text, size, strlen(size), NULL) == 0);
        HOLDS(weir__buffer_add(&text, whole.bytes, whole.length, NULL) == 0);
        HOLDS(weir__buffer_add(&text, "\r\n0\r\n\r\n", 7, NULL) == 0);
        HOLDS(read_all(text.bytes, text.length, 7, &again, &at_again) == WEIR__HTTP_DONE);
        HOLDS(again.length == whole.length && memcmp(again.bytes, whole.bytes, whole.length) == 0);
    }
    weir__buffer_clear(&whole);
    weir__buffer_clear(&parts);
    weir__buffer_clear(&again);
    weir__buffer_clear(&text);
    return 0;
}
