/* rpc/rpc_write.h - messages of docs/protocol.md, written into a buffer, a line each.
 *
 * Payloads are copied as they are: one line, well-formed, checked before.  All
 * return 0 or NOMEM, and then the buffer is as it was.
 */
#ifndef WEIR_RPC_RPC_WRITE_H
#define WEIR_RPC_RPC_WRITE_H

#include <stdint.h>

#include "base/buffer.h"
#include "rpc/rpc_parse.h"

/* The member "weir" of a request.  All zero with deadline_ms -1: there is none. */
struct weir__call_terms {
    int64_t deadline_ms; /* -1: none */
    uint64_t credit;
    int input;                            /* "stream":"in" */
    const char *traceparent, *tracestate; /* NULL: none */

    /* Of a call of an MCP server only: */
    int wants_progress;
    struct weir__slice request_state; /* of the answer that asked for this repetition, or none */
};

/* method is a string without quotes; params may be none; terms may be NULL. */
int weir__write_request(struct weir__buffer *to, struct weir__slice id, const char *method,
                        struct weir__slice params, const struct weir__call_terms *terms);
int weir__write_result(struct weir__buffer *to, struct weir__slice id, struct weir__slice result);

/* data may be none. */
int weir__write_error(struct weir__buffer *to, struct weir__slice id, int64_t code,
                      const char *message, struct weir__slice data);

/* An error object as it is. */
int weir__write_error_object(struct weir__buffer *to, struct weir__slice id,
                             struct weir__slice error);
int weir__write_chunk(struct weir__buffer *to, struct weir__slice id, struct weir__slice value);
int weir__write_credit(struct weir__buffer *to, struct weir__slice id, uint64_t n);

/* error: an error object, or none. */
int weir__write_end(struct weir__buffer *to, struct weir__slice id, struct weir__slice error);
int weir__write_cancel(struct weir__buffer *to, struct weir__slice id);

/* total: -1: unknown.  message: any text, or none. */
int weir__write_progress(struct weir__buffer *to, struct weir__slice id, double progress,
                         double total, struct weir__slice message);

/* A number as JSON: an integer without a fraction. */
const char *weir__number_text(char text[32], double number);

/* What a message is put together from, in order: all of it is appended, or nothing. */
int weir__write_pieces(struct weir__buffer *to, const struct weir__slice *pieces, size_t count);

#define WEIR__LITERAL(text) ((struct weir__slice){text, sizeof(text) - 1})
#define WEIR__PUT(to, ...)                                                                         \
    weir__write_pieces(to, (const struct weir__slice[]){__VA_ARGS__},                              \
                       sizeof((const struct weir__slice[]){__VA_ARGS__})                           \
                           / sizeof(struct weir__slice))

/* A JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
int weir__write_string(struct weir__buffer *to, const char *string, size_t length);

/* {"code":...,"message":...,"data":...} without a line end. */
int weir__write_error_value(struct weir__buffer *to, int64_t code, const char *message,
                            struct weir__slice data);

/* An integer as a slice; text has room for 24 bytes. */
struct weir__slice weir__id_slice(int64_t number, char *text);

/* A NUL-terminated text as a slice. */
struct weir__slice weir__slice_of(const char *text);

/* A JSON text on one line: well-formed UTF-8, within the depth and length limits
 * (docs/protocol.md, 1.2), line breaks between tokens turned into spaces where there
 * are any (then *to holds it).  Returns 0 with *value, or INVALID, TOO_LONG.
 * what names it in the message: "params". */
int weir__value_check(const char *bytes, size_t length, const char *what, struct weir__buffer *to,
                      struct weir__slice *value, struct weir_error *error);

#endif
