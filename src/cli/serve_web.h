/* cli/serve_web.h - the web door of weir serve (--http). */
#ifndef WEIR_CLI_SERVE_WEB_H
#define WEIR_CLI_SERVE_WEB_H

#include <weir/pool.h>

#include "cli/opts_serve.h"
#include "cli/serve_audit.h"
#include "pool/server.h"
#include "web/door.h"

/* All zero, with fd -1: there is none. */
struct serve_web {
    struct weir__web_place place;
    int fd;        /* a listening socket that was passed or bound, until the door is open */
    int is_bound;  /* .fd is a Unix socket that we made */
    int socket_fd; /* a copy of a Unix socket's, to remove it; -1: none */
    struct weir__web_door *door;
};

/* Checks the options.  Returns 0, or the exit status after a message. */
int serve_web_read(struct serve_web *web, const struct serve_values *values);

/* Opens the door to the server's pool, at .fd where that is a socket.  Errors: as weir__web_open(),
 * weir__web_listen().
 */
int serve_web_open(struct serve_web *web, const struct serve_values *values,
                   struct serve_audit *calls, struct weir__server *server,
                   struct weir_error *error);

/* Reads the file of tokens again. */
void serve_web_reload(struct serve_web *web);

/* Is no longer ready, but goes on. */
void serve_web_leave(struct serve_web *web);

/* Accepts no more connections. */
void serve_web_stop(struct serve_web *web);

/* Waits at most flush_ms, or until wake_fd becomes readable, for the last bytes to clients, then
 * closes the door. */
void serve_web_close(struct serve_web *web, weir_t *weir, int64_t flush_ms, int wake_fd);

#endif
