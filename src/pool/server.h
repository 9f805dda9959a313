/* pool/server.h - a pool behind a Unix socket, as docs/protocol.md section 11 says.
 *
 *   listening --stop--> no new connections; those there go on until close
 *
 * To its clients the server is a worker with the methods of the whole pool.
 */
#ifndef WEIR_POOL_SERVER_H
#define WEIR_POOL_SERVER_H

#include <weir/pool.h>

#include "loop/loop.h"

struct weir__session;

struct weir__server {
    weir_t *weir;
    weir_pool_t *pool;
    int fd;
    weir__watch *watch;
    weir__timer *retry; /* after EMFILE and the like */
    struct weir__session *sessions;
    int64_t refused;      /* connections of other users */
    unsigned concurrency; /* how many calls its workers run at a time, for the hello */
};

/* Binds path, mode 0600, and returns a descriptor that is ready to be served.  A
 * socket there that nobody listens to, and that is ours, is replaced.
 * Errors: INVALID (too long), BUSY (somebody serves there), SYSTEM (it is another
 * user's, or no socket, or cannot be made). */
int weir__socket_bind(const char *path, struct weir_error *error);

/* Removes path if it is still the socket that fd is bound to. */
void weir__socket_unbind(const char *path, int fd);

/* Serves the pool to who connects.  All of *server but concurrency is zero before; it takes fd.
 * Not inside a callback.  Errors: SYSTEM, NOMEM. */
int weir__server_open(struct weir__server *server, weir_t *weir, weir_pool_t *pool, int fd,
                      struct weir_error *error);

/* Takes no more connections. */
void weir__server_stop(struct weir__server *server);

/* Writes what clients are still owed, for at most flush_ms, then closes all connections;
 * calls of theirs that still run are cancelled.  Not inside a callback. */
void weir__server_close(struct weir__server *server, int64_t flush_ms);

#endif
