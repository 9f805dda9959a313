/* http/problem.h - problem documents (RFC 9457): which status and type a failure has, and its
 * text. */
#ifndef WEIR_HTTP_PROBLEM_H
#define WEIR_HTTP_PROBLEM_H

#include "base/buffer.h"
#include "http/request.h"

struct weir__http_problem {
    int64_t code;      /* of docs/protocol.md; 0: of the door itself */
    int status;        /* of HTTP */
    const char *type;  /* the end of its URI */
    const char *title; /* a few words, the same for each problem of a type */
};

/* What a failed call is answered with. */
struct weir__http_problem weir__http_problem_of_code(int64_t code);

/* What a request is answered with that has no call.  type NULL: the one that the status has. */
struct weir__http_problem weir__http_problem_of_status(int status, const char *type);

/* Appends the document.  detail and call may be NULL, data may be none; data is a JSON text. */
int weir__http_problem_write(struct weir__buffer *to, const struct weir__http_problem *problem,
                             const char *detail, const char *call, struct weir__http_text data);

#endif
