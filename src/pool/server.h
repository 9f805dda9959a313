/* pool/server.h - a pool behind a Unix socket, as in docs/protocol.md section 11.
 *
 *   listening --stop--> no new connections; existing ones continue until close
 *
 * To its clients the server is a worker with the methods of the whole pool.
 *
 * server.c has the socket and access control, connection.c one connection, server_call.c one
 * call, bounds.c the limits over all of them.
 */
#ifndef WEIR_POOL_SERVER_H
#define WEIR_POOL_SERVER_H

#include <weir/pool.h>

#include "loop/loop.h"
#include "rpc/rpc_parse.h"

struct weir__connection;
struct weir__front;
struct weir__mcp_front;

/* A call that is over, with or without an answer. All is borrowed; NULL: unknown, none. */
struct weir__served_call {
    const char *door;    /* "worker", "mcp" or "http": what its client speaks */
    uint64_t connection; /* from 1 */
    const char *client;  /* as it calls itself */
    const char *label, *method, *traceparent;
    struct weir__slice params, result; /* result: none if it failed */
    enum weir_outcome outcome;
    int64_t wall_ns;
    pid_t pid; /* of the worker; 0: unknown */
};

/* Fills in what a call of the pool says itself: all but door, connection and client. */
void weir__served_call_read(struct weir__served_call *told, const struct weir_call *made);

/* Zero means the default. */
struct weir__server_limits {
    size_t max_calls; /* open calls per connection */
    size_t max_connections;
    size_t max_memory; /* bytes held for all connections */
};

struct weir__server {
    weir_t *weir;
    weir_pool_t *pool;
    int fd;
    weir__watch *watch;
    weir__timer *retry;    /* after EMFILE and similar errors */
    weir__timer *patience; /* for the held connection */
    weir__timer *sweep;    /* closes connections that are over */
    struct weir__connection *connections;
    struct weir__server_limits limits;
    void (*on_last)(void *context); /* the last connection has ended; NULL: nobody asks */
    void *context;
    void (*on_call)(const struct weir__served_call *call, void *context); /* NULL: nobody asks */
    void *on_call_context;
    int is_private;                  /* its one client may borrow workers */
    const struct weir__front *front; /* what clients speak; NULL: docs/protocol.md */
    struct weir__mcp_front *mcp;     /* for those that speak MCP; NULL: none may */
    const char *refusal; /* why there is no worker, for every request; NULL: they are served */

    size_t memory; /* weights of all connections */
    /* The weight of a connection has changed: holds, drops or releases connections. */
    void (*on_weight)(struct weir__server *server, struct weir__connection *connection);
    struct weir__connection *held; /* not read: it uses the most memory */
    int looks;                     /* checks since it was held or since it last got lighter */

    /* For weir/stats. */
    size_t connection_count, calls;
    size_t left_count;          /* connections that do not count: their clients have gone */
    uint64_t connection_number; /* of the latest */
    uint64_t refused_users, refused_connections, refused_calls, dropped;
};

/* The defaults, and the minimum memory of a server. */
enum {
    WEIR__MAX_CALLS = 4096,
    WEIR__MAX_CONNECTIONS = 1024,
    WEIR__MAX_MEMORY = 256 << 20,
    WEIR__MAX_MEMORY_LEAST = 1 << 20,
};

/* Checks, without creating it, whether a socket can be made at path: its directory is writable,
 * and path is free or a socket that may be replaced. Errors: as weir__socket_bind(). */
int weir__socket_check(const char *path, struct weir_error *error);

/* Binds path with mode 0600 and returns a descriptor to serve. Replaces an own socket that no
 * process listens on. Locks the directory meanwhile: waits for a lock that another process
 * holds, up to a limit or until wake_fd (-1: none) becomes readable. Errors: INVALID (too long),
 * BUSY (another server listens there), TIMEOUT (the lock), SYSTEM (not a socket, another user's,
 * or cannot be created). */
int weir__socket_bind(const char *path, int wake_fd, struct weir_error *error);

/* Removes path if it still is the socket that fd is bound to. */
void weir__socket_unbind(const char *path, int fd);

/* Serves the pool to clients that connect to fd, and those that are carried. fd -1: those only.
 * All of *server except limits, on_last, context, on_call, on_call_context, front, mcp and refusal
 * must be zero; takes fd. Not inside a callback. Errors: SYSTEM, NOMEM. */
int weir__server_open(struct weir__server *server, weir_t *weir, weir_pool_t *pool, int fd,
                      struct weir_error *error);

/* As weir__server_open(), for one client that is connected already. Takes in and out: one socket
 * (in == out), or two descriptors, non-blocking unless they are sockets. At the end of file of one
 * socket the connection ends. At that of two descriptors only the requests end: the connection ends
 * once they are answered, or when out has no reader. */
int weir__server_open_pair(struct weir__server *server, weir_t *weir, weir_pool_t *pool, int in,
                           int out, struct weir_error *error);

/* Accepts no more connections. */
void weir__server_stop(struct weir__server *server);

/* Writes pending bytes to the clients, for at most flush_ms or until wake_fd (-1: none) becomes
 * readable, then closes all connections and cancels their running calls. Not inside a callback. */
void weir__server_close(struct weir__server *server, int64_t flush_ms, int wake_fd);

/* bounds.c */
/* Sets up limits and timers; weir must be set. */
int weir__server_begin(struct weir__server *server, struct weir_error *error);
void weir__server_end(struct weir__server *server);

/* The result of weir/stats. The caller owns it: free(). NULL if out of memory. */
char *weir__server_stats(struct weir__server *server);

#endif
