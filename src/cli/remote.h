/* cli/remote.h - one call to a function in a worker started for it, or behind the socket of a
 * `weir serve`.
 *
 * Two implementations: remote_pool.c and, on it, remote_client.c. A remote is driven by its owner's
 * poll loop: poll fd for events, then dispatch.
 */
#ifndef WEIR_CLI_REMOTE_H
#define WEIR_CLI_REMOTE_H

#include <stddef.h>
#include <stdint.h>

#include <weir/pool.h>

#include "rpc/rpc_parse.h"

struct remote;

/* Callbacks of the owner, called by dispatch. */
struct remote_owner {
    /* The functions are known: a JSON object as in docs/protocol.md, section 4. */
    void (*on_ready)(void *owner, struct weir__slice methods);
    void (*on_value)(void *owner, struct weir__slice value);
    void (*on_progress)(void *owner, const struct weir_progress *progress);
    void (*on_done)(void *owner, const struct weir_reply *reply);
    /* The call cannot be made: the worker does not start, or there is no server. */
    void (*on_lost)(void *owner, const char *sentence);
    void *owner;
};

struct remote_call {
    const char *method;
    struct weir__slice params; /* none: bytes NULL */
    int64_t timeout_ms;
    int input;
    int whole; /* as in struct weir_call_options */
    unsigned credit;
};

struct remote_kind {
    /* fd to poll, *events to poll for, *timeout_ms lowered to the next deadline. */
    int (*fd)(struct remote *remote, short *events, int *timeout_ms);
    void (*dispatch)(struct remote *remote);
    /* Errors: INVALID, TOO_LONG, NOMEM. */
    int (*call)(struct remote *remote, const struct remote_call *call, struct weir_error *error);
    /* Sends a value of the input; requires credit. */
    int (*send)(struct remote *remote, const char *value, size_t length, struct weir_error *error);
    uint64_t (*credit)(struct remote *remote);
    void (*end)(struct remote *remote);
    void (*grant)(struct remote *remote, unsigned values);
    void (*cancel)(struct remote *remote);
    void (*free)(struct remote *remote, int at_once); /* at_once: waits for nothing */
};

struct remote {
    const struct remote_kind *kind;
    struct remote_owner owner;
};

struct output_check;

struct remote_pool_options {
    const struct weir_command *command;
    const char *const *launcher, *const *launcher_stop; /* NULL: none */
    int launcher_shell;
    const struct weir_stop_step *stop; /* NULL: the default sequence */
    size_t stop_count;
    int64_t start_timeout_ms;
    enum weir_dialect dialect;
    const char *mcp_version; /* NULL: any */
    int no_retry;
    struct output_check *check; /* of what tools return; NULL: none */
};

/* on_ready or on_lost follows.  Errors: as weir_pool_open(). */
struct remote *remote_pool_open(weir_t *weir, const struct remote_pool_options *options,
                                const struct remote_owner *owner, struct weir_error *error);

/* The inside of a remote with a pool, for remote_client.c. */
struct pool_remote {
    struct remote remote;
    weir_t *weir;
    weir_pool_t *pool;
    weir_call_t *call;
    int is_mcp;
};

extern const struct remote_kind remote_pool_kind;
void remote_pool_on_ready(weir_pool_t *pool, const struct weir_error *error, void *context);

struct remote_client_options {
    const char *path;   /* NULL: the default socket */
    int64_t timeout_ms; /* for connecting, the handshake and the call; or WEIR_FOREVER */
    int any_server;     /* accepts a server of any user, not only this user and root */
};

/* Connects without waiting; nothing is sent before the server's user is checked. on_ready or
 * on_lost follows, or on_done after the timeout. Errors: SYSTEM if no server listens there, or
 * one of another user; INVALID. */
struct remote *remote_client_open(weir_t *weir, const struct remote_client_options *options,
                                  const struct remote_owner *owner, struct weir_error *error);

#endif
