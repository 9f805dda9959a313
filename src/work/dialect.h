/* work/dialect.h - how a worker is spoken to: a table of functions for each way.
 *
 * The pool knows calls, streams and cancellation; what they are on the wire is here
 * alone.  Another protocol over lines (MCP, say) is another row.
 */
#ifndef WEIR_WORK_DIALECT_H
#define WEIR_WORK_DIALECT_H

#include <jansson.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "rpc/rpc_parse.h"
#include "rpc/rpc_write.h"

enum weir__incoming_kind {
    WEIR__INCOMING_NOTHING, /* blank, or of no interest */
    WEIR__INCOMING_NOISE,   /* a program's stray print */
    WEIR__INCOMING_BROKEN,  /* reason: this worker cannot be trusted any more */
    WEIR__INCOMING_BATCH,   /* value: messages in an array */
    WEIR__INCOMING_RESULT,  /* id, value */
    WEIR__INCOMING_ERROR,   /* id, value: an object with code and message */
    WEIR__INCOMING_CHUNK,   /* id, value */
    WEIR__INCOMING_CREDIT,  /* id, n; -1: it is none */
    WEIR__INCOMING_LOG,     /* level, value: strings */
};

struct weir__incoming {
    enum weir__incoming_kind kind;
    int64_t id; /* -1: none that we ever gave out */
    int64_t n;
    struct weir__slice value, level;
    const char *reason;
};

/* What is found out about a worker before it is ready. */
struct weir__handshake {
    const struct weir__dialect *dialect; /* that it speaks: the handshake may change it */
    int may_be_plain;
    int64_t last_id; /* that the handshake used */
    unsigned concurrency;
    pid_t pid;
    json_t *methods;  /* an object; NULL: nobody knows, any name may be called */
    char *node;       /* NULL: it did not say */
    char reason[200]; /* why it has not started */
};

enum weir__handshake_step {
    WEIR__HANDSHAKE_FAILED = -1,
    WEIR__HANDSHAKE_MORE,
    WEIR__HANDSHAKE_READY
};

/* All that write append whole lines and return 0 or NOMEM.  NULL: there is no such
 * thing in this dialect. */
struct weir__dialect {
    const char *name;
    /* One step of the handshake: answer is NULL for the first.  NULL: ready at once. */
    enum weir__handshake_step (*handshake)(struct weir__handshake *handshake,
                                           const struct weir__incoming *answer,
                                           struct weir__buffer *to);
    void (*decode)(const char *line, size_t length, struct weir__incoming *incoming);
    int (*call)(struct weir__buffer *to, int64_t id, const char *method, struct weir__slice params,
                const struct weir__call_terms *terms);
    int (*cancel)(struct weir__buffer *to, int64_t id);
    int (*chunk)(struct weir__buffer *to, int64_t id, struct weir__slice value);
    int (*end)(struct weir__buffer *to, int64_t id, struct weir__slice error);
    int (*credit)(struct weir__buffer *to, int64_t id, uint64_t n);
};

extern const struct weir__dialect weir__dialect_native, weir__dialect_plain;

void weir__handshake_clear(struct weir__handshake *handshake);

/* The code of an error object; -32603 where it has none. */
int64_t weir__error_code(struct weir__slice error);

#endif
