/* http/request.h - the head of an HTTP/1.1 request (RFC 9112), read strictly, byte by byte.
 *
 * What is accepted has one meaning only: a message that two readers could understand differently is
 * refused.  No I/O: the bytes come in pieces of any size, and where they are split makes no
 * difference.
 *
 *     weir__http_request_begin(&request);
 *     status = weir__http_request_read(&request, bytes, length);
 *     status == 0: more bytes are needed: call it again with all bytes so far, and more
 *     status == WEIR__HTTP_DONE: the head is the first request.length bytes
 *     otherwise an HTTP status, with request.reason: answer and close
 */
#ifndef WEIR_HTTP_REQUEST_H
#define WEIR_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEIR__HTTP_DONE = 1,
    WEIR__HTTP_HEAD_MAX = 16 * 1024,
    WEIR__HTTP_FIELDS_MAX = 64,
    WEIR__HTTP_TARGET_MAX = 2048,
    WEIR__HTTP_METHOD_MAX = 16,
};

/* A part of the head or of a message; bytes NULL: there is none. */
struct weir__http_text {
    const char *bytes;
    size_t length;
};

struct weir__http_field {
    uint16_t name, name_length, value, value_length; /* offsets in the head */
};

enum weir__http_framing { WEIR__HTTP_NO_BODY, WEIR__HTTP_LENGTH, WEIR__HTTP_CHUNKED };

struct weir__http_request {
    uint16_t length; /* bytes of the head that were read; of all of it when it is done */
    uint16_t method, method_length, target, target_length;
    uint8_t state, version_at;
    char major, minor;
    bool has_blank; /* the one empty line before a request */
    bool closes;    /* the client wants the connection closed */
    bool expects;   /* 100-continue */
    uint16_t field_count;
    enum weir__http_framing framing;
    uint64_t content_length;
    const char *reason; /* of a refusal; static */
    struct weir__http_field fields[WEIR__HTTP_FIELDS_MAX];
};

void weir__http_request_begin(struct weir__http_request *request);

/* Reads on: bytes are all that came since the begin of the head, and stay the caller's. */
int weir__http_request_read(struct weir__http_request *request, const char *bytes, size_t length);

/* Of a head that is done, whose bytes are at head. */
struct weir__http_text weir__http_request_method(const struct weir__http_request *request,
                                                 const char *head);
struct weir__http_text weir__http_request_target(const struct weir__http_request *request,
                                                 const char *head);

/* The value of the first field of this lower-case name.  An empty value is not NULL. */
struct weir__http_text weir__http_request_field(const struct weir__http_request *request,
                                                const char *head, const char *name);

/* All fields of this name as one list, joined by commas as RFC 9110, 5.3 says: calls item for each
 * element without the white space around it.  Stops at the first that returns non-zero, and returns
 * that. */
int weir__http_request_list(const struct weir__http_request *request, const char *head,
                            const char *name,
                            int (*item)(struct weir__http_text element, void *context),
                            void *context);

/* Whether text is this string; of the second the letters' case makes no difference. */
bool weir__http_is(struct weir__http_text text, const char *string);
bool weir__http_is_nocase(struct weir__http_text text, const char *string);

#endif
