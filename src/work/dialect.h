/* work/dialect.h - the protocols that a worker with functions may speak, each a table.
 *
 * Pool and map know calls, streams and cancellation; only this knows their form on the wire.
 * Another line protocol (MCP, for example) is another table.
 */
#ifndef WEIR_WORK_DIALECT_H
#define WEIR_WORK_DIALECT_H

#include <jansson.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "rpc/rpc_parse.h"
#include "rpc/rpc_write.h"

struct weir__message_reader;
struct weir__worker;

enum weir__incoming_kind {
    WEIR__INCOMING_NOTHING, /* blank or irrelevant */
    WEIR__INCOMING_NOISE,   /* stray output of a program */
    WEIR__INCOMING_BROKEN,  /* reason: this worker is no longer usable */
    WEIR__INCOMING_BATCH,   /* value: an array of messages */
    WEIR__INCOMING_RESULT,  /* id, value */
    WEIR__INCOMING_ERROR,   /* id, value: an object with code and message */
    WEIR__INCOMING_CHUNK,   /* id, value */
    WEIR__INCOMING_CREDIT,  /* id, n; -1: invalid */
    WEIR__INCOMING_LOG,     /* level, value: strings */
};

struct weir__incoming {
    enum weir__incoming_kind kind;
    int64_t id; /* -1: not one of ours */
    int64_t n;
    struct weir__slice value, level;
    const char *reason;
};

/* What is learned about a worker before it is ready: see work/handshake.h. */
struct weir__handshake {
    const struct weir__dialect *dialect; /* the handshake may change it */
    int may_be_plain, asks_schemas;
    int64_t last_id; /* used by the handshake */
    unsigned concurrency;
    pid_t pid;
    json_t *methods;  /* an object; NULL: unknown, any name may be called */
    char *node;       /* NULL: unknown */
    char reason[240]; /* why it failed; completes "the worker ..." */
    struct weir__message_reader *reader;
    struct weir__worker *worker;
    int is_over;
};

enum weir__handshake_step {
    WEIR__HANDSHAKE_FAILED,
    WEIR__HANDSHAKE_MORE,
    WEIR__HANDSHAKE_READY,
    WEIR__HANDSHAKE_UNRELATED,
};

/* Functions that write append whole lines and return 0 or NOMEM. NULL: not in this dialect. */
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

/* The code of an error object; -32603 if it has none. */
int64_t weir__error_code(struct weir__slice error);

#endif
