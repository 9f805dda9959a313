/* work/dialect.h - the protocols that a worker with functions may speak, each a table.
 *
 * Pool and map know calls, streams and cancellation; only this knows their form on the wire.
 * MCP is in dialect_mcp.c, the others are in dialect.c.
 */
#ifndef WEIR_WORK_DIALECT_H
#define WEIR_WORK_DIALECT_H

#include <jansson.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "rpc/rpc_parse.h"
#include "rpc/rpc_write.h"
#include "work/tool_list.h"

/* How long a server of MCP may take to start: npx may have to download it first. */
enum { WEIR__MCP_START_MS = 60000 };

struct weir__message_reader;
struct weir__worker;

enum weir__incoming_kind {
    WEIR__INCOMING_NOTHING,  /* blank or irrelevant */
    WEIR__INCOMING_NOISE,    /* stray output of a program */
    WEIR__INCOMING_BROKEN,   /* reason: this worker is no longer usable */
    WEIR__INCOMING_BATCH,    /* value: an array of messages */
    WEIR__INCOMING_RESULT,   /* id, value */
    WEIR__INCOMING_ERROR,    /* id, value: an object with code and message */
    WEIR__INCOMING_CHUNK,    /* id, value */
    WEIR__INCOMING_CREDIT,   /* id, n; -1: invalid */
    WEIR__INCOMING_LOG,      /* level: a string; value: a string, or any JSON */
    WEIR__INCOMING_PROGRESS, /* id, progress, total, value: a string or none */
    WEIR__INCOMING_REQUEST,  /* the worker asks. value: its id, raw; level: the method, a string */
    WEIR__INCOMING_CHANGED,  /* its methods are not what they were */
    WEIR__INCOMING_REPEAT,   /* only from settle: id; value: what the repeated call must carry */
};

struct weir__incoming {
    enum weir__incoming_kind kind;
    int64_t id; /* -1: not one of ours */
    int64_t n;
    struct weir__slice value, level;
    double progress, total; /* -1: unknown */
    const char *reason;
};

/* What the starts of one kind of MCP server begin with. */
enum weir__mcp_start {
    WEIR__MCP_PROBE,        /* server/discover, then what its answer asks for */
    WEIR__MCP_START_LEGACY, /* initialize */
    WEIR__MCP_START_MODERN, /* server/discover, and nothing else will do */
};

/* What a message about a failed handshake ends with. */
#define WEIR__MCP_HINT "; if it is an MCP server, say --protocol mcp"

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

    /* Of an MCP server; see dialect_mcp.c. */
    enum weir__mcp_start start; /* once it is ready: what the next start should be */
    int64_t quiet_ms;           /* without any answer for this long, weir__handshake_quiet() is
                                 * due; 0: never */
    int64_t discover_id, initialize_id, list_id; /* 0: not sent */
    int discover_failed, has_answered, is_decided;
    unsigned capabilities; /* enum weir__mcp_capability */
    struct weir__tool_list tools;
    unsigned left_out; /* tools whose names cannot be called */
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
    /* reason: in a word or two, static. */
    int (*cancel)(struct weir__buffer *to, int64_t id, const char *reason);
    int (*chunk)(struct weir__buffer *to, int64_t id, struct weir__slice value);
    int (*end)(struct weir__buffer *to, int64_t id, struct weir__slice error);
    int (*credit)(struct weir__buffer *to, int64_t id, uint64_t n);

    /* Answers a request of the worker. NULL: requests are ignored. */
    int (*refuse)(struct weir__buffer *to, struct weir__slice id, struct weir__slice method);
    /* Makes the value or the error of a call out of a RESULT, or a REPEAT.  whole: it stays as it
     * is.  The new value is a slice of the old one, or in *scratch. Returns 0 or NOMEM. */
    int (*settle)(struct weir__incoming *incoming, int whole, struct weir__buffer *scratch);
    /* Asks for the methods; cursor: of the next page, or none. NULL: they do not change. */
    int (*list)(struct weir__buffer *to, int64_t id, struct weir__slice cursor);
    /* Asks to be told of changed methods. NULL: the worker tells without being asked. */
    int (*listen)(struct weir__buffer *to, int64_t id);
    const char *title;   /* for messages */
    int settles_at_once; /* a cancelled call is over at once, without a signal; its place is free
                          * once it is answered, or the worker answers something later */
    int is_named;        /* parameters have names: there is no array of them */
    int64_t end_ms;      /* how long it may take to exit at the end of its input; 0: as the
                          * pool's options say */
};

extern const struct weir__dialect weir__dialect_native, weir__dialect_plain;

/* MCP: the first is for the handshake, which decides for one of the others. */
extern const struct weir__dialect weir__dialect_mcp, weir__dialect_mcp_legacy,
    weir__dialect_mcp_modern;

/* Fills in what a result, an error, noise, a batch or a broken line is in every dialect. */
void weir__incoming_classify(const struct weir__message *message, struct weir__incoming *incoming);

/* A progress notification: names are those of the id, the value, the total and the message. */
void weir__incoming_progress(struct weir__slice params, const char *const names[4],
                             struct weir__incoming *incoming);

/* The code of an error object; -32603 if it has none. */
int64_t weir__error_code(struct weir__slice error);

#endif
