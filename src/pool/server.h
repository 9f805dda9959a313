/* pool/server.h - a pool behind a Unix socket, as docs/protocol.md section 11 says.
 *
 *   listening --stop--> no new connections; those there go on until close
 *
 * To its clients the server is a worker with the methods of the whole pool.
 *
 * server.c has the socket and who may connect, connection.c one connection, server_call.c one
 * call, bounds.c what all of them may take together.
 */
#ifndef WEIR_POOL_SERVER_H
#define WEIR_POOL_SERVER_H

#include <weir/pool.h>

#include "loop/loop.h"

struct weir__connection;

/* Zero: the default. */
struct weir__server_limits {
    size_t max_calls; /* open calls of a connection */
    size_t max_connections;
    size_t max_memory; /* bytes held for all connections */
};

struct weir__server {
    weir_t *weir;
    weir_pool_t *pool;
    int fd;
    weir__watch *watch;
    weir__timer *retry;    /* after EMFILE and the like */
    weir__timer *patience; /* for the connection that is held */
    struct weir__connection *connections;
    unsigned concurrency; /* how many calls its workers run at a time, for the hello */
    struct weir__server_limits limits;

    size_t memory; /* weights of all connections */
    /* The weight of a connection has changed: holds, drops or releases connections. */
    void (*on_weight)(struct weir__server *server, struct weir__connection *connection);
    struct weir__connection *held; /* is not read: it has most of the memory */
    int looks;                     /* at it, since it was held or looked at in earnest */

    /* For weir/stats. */
    size_t connection_count, calls;
    uint64_t refused_users, refused_connections, refused_calls, dropped;
};

/* The defaults, and the least memory that a server can work with. */
enum {
    WEIR__MAX_CALLS = 4096,
    WEIR__MAX_CONNECTIONS = 1024,
    WEIR__MAX_MEMORY = 256 << 20,
    WEIR__MAX_MEMORY_LEAST = 1 << 20,
};

/* Whether a socket can be made at path, as far as can be seen without making one: its
 * directory can be written to, and path is free or a socket that may be replaced.
 * Errors: as weir__socket_bind(). */
int weir__socket_check(const char *path, struct weir_error *error);

/* Binds path, mode 0600, and returns a descriptor that is ready to be served.  A
 * socket there that nobody listens to, and that is ours, is replaced.  The directory is
 * locked meanwhile: a lock that another process holds is waited for, until it has taken
 * too long or wake_fd (-1: none) becomes readable.
 * Errors: INVALID (too long), BUSY (another server listens there), TIMEOUT (the lock),
 * SYSTEM (it is another user's, or not a socket, or cannot be made). */
int weir__socket_bind(const char *path, int wake_fd, struct weir_error *error);

/* Removes path if it is still the socket that fd is bound to. */
void weir__socket_unbind(const char *path, int fd);

/* Serves the pool to who connects.  All of *server but concurrency and limits is zero
 * before; it takes fd.  Not inside a callback.  Errors: SYSTEM, NOMEM. */
int weir__server_open(struct weir__server *server, weir_t *weir, weir_pool_t *pool, int fd,
                      struct weir_error *error);

/* Takes no more connections. */
void weir__server_stop(struct weir__server *server);

/* Writes what clients are still owed, for at most flush_ms and until wake_fd (-1: none) is
 * readable, then closes all connections; calls of theirs that still run are cancelled.  Not
 * inside a callback. */
void weir__server_close(struct weir__server *server, int64_t flush_ms, int wake_fd);

/* bounds.c */
/* Its limits and timers; weir is set before. */
int weir__server_begin(struct weir__server *server, struct weir_error *error);
void weir__server_end(struct weir__server *server);

/* The result of weir/stats.  The caller owns it: free().  NULL: memory is short. */
char *weir__server_stats(struct weir__server *server);

#endif
