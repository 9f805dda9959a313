/* http/body.h - where the body of a request ends: by Content-Length, or chunk by chunk.
 *
 * No I/O, and nothing is copied: each step says which of the bytes are of the body. */
#ifndef WEIR_HTTP_BODY_H
#define WEIR_HTTP_BODY_H

#include "http/request.h"

struct weir__http_body {
    uint64_t left; /* of the body, or of the chunk */
    uint8_t state, digits;
    const char *reason; /* of a refusal; static */
};

/* Of the body that the head announces. */
void weir__http_body_begin(struct weir__http_body *body, const struct weir__http_request *request);

/* Takes *used of the bytes, of which *data are of the body (length 0: none).  Returns
 * WEIR__HTTP_DONE when the body is over, 0 when it goes on, or 400: answer and close.  Call it
 * again with the rest while it returns 0 and bytes are left. */
int weir__http_body_read(struct weir__http_body *body, const char *bytes, size_t length,
                         struct weir__http_text *data, size_t *used);

#endif
