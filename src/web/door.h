/* web/door.h - a pool behind HTTP/1.1, as docs/http.md describes it.
 *
 *   listening --stop--> no new connections; those with a call go on until close
 */
#ifndef WEIR_WEB_DOOR_H
#define WEIR_WEB_DOOR_H

#include <weir/pool.h>

#include <stddef.h>
#include <stdint.h>

#include "http/request.h"
#include "pool/server.h"

/* Who asks. */
struct weir__web_caller {
    const char *peer;    /* "127.0.0.1:50312", "unix" */
    const char *token;   /* the name of a bearer token, or of a one-time token's key; NULL: none */
    const char *subject; /* of a one-time token; NULL: none */
};

/* A call that is over, or a request for one that was refused.  All is borrowed; NULL: unknown, or
 * there is none. */
struct weir__web_call {
    struct weir__web_caller caller;
    struct weir__served_call made; /* its params are NULL where the body was not read */
    const char *id;
    int status; /* of the response; 0: none was sent */
};

/* A request that is over.  All is borrowed. */
struct weir__web_request {
    struct weir__web_caller caller;
    struct weir__http_text method, path; /* NULL: its head could not be read */
    int status;                          /* 0: no response was sent */
    int64_t wall_ns;
};

/* Lists end with NULL; NULL is empty.  All is the caller's until weir__web_close(). */
struct weir__web_options {
    const char *const *hosts;    /* more names by which it is called */
    const char *const *origins;  /* of pages elsewhere that may call */
    const char *const *exposed;  /* patterns of method names; NULL: all */
    const char *tokens;          /* a file of tokens; NULL: processes of the same user are served */
    const char *state;           /* a file of used tokens; NULL: none */
    struct weir__server *server; /* that is open, and speaks MCP: it serves /mcp */
    int64_t timeout_ms;          /* of a call, by default and at most */
    int64_t head_timeout_ms;     /* for a head, from its first byte */
    uint64_t max_body;
    size_t max_connections;
    int has_no_page;    /* nor the list of calls */
    int has_tracebacks; /* they are shown to clients */
    unsigned min_ready; /* workers of each kind that must be up to be ready */
    size_t max_queue;

    /* NULL: nobody asks. */
    void (*on_request)(const struct weir__web_request *request);

    /* NULL: nobody asks.  Then calls without a traceparent get one.  Returns the number of what was
     * noted: the answer waits until that is written; 0: it does not wait. */
    uint64_t (*on_call)(const struct weir__web_call *call, void *context);
    /* The number of the last that is written.  written_fd is readable when it is higher; -1: no
     * answer waits; non-blocking. */
    uint64_t (*count_written)(void *context);
    int written_fd;
    void *call_context;
};

struct weir__web_door;

/* Where to listen. */
struct weir__web_place {
    const char *path; /* of a Unix socket; NULL: an address */
    char address[64]; /* numeric */
    unsigned port;
    int is_loopback;
};

/* Reads "[ADDRESS:]PORT" or "unix:PATH", which is borrowed.  Errors: INVALID. */
int weir__web_place_parse(const char *text, struct weir__web_place *place,
                          struct weir_error *error);

/* Listens at an address.  Returns a descriptor.  Errors: SYSTEM. */
int weir__web_listen(const struct weir__web_place *place, struct weir_error *error);

/* Serves the pool to clients that connect; takes fd.  Not inside a callback.  Returns NULL on
 * failure.  Errors: INVALID (an address that is not loopback, and no tokens; one of the files),
 * SYSTEM (the system does not say which user a client is; one of the files), BUSY (another server
 * uses the file of used tokens), NOMEM. */
struct weir__web_door *weir__web_open(weir_t *weir, weir_pool_t *pool,
                                      const struct weir__web_options *options, int fd,
                                      struct weir_error *error);

/* Its URL, "http://127.0.0.1:8080"; "" for a Unix socket. */
void weir__web_url(const struct weir__web_door *door, char url[96]);

/* Whether it is at an address that is not loopback. */
int weir__web_is_remote(const struct weir__web_door *door);

/* Reads the file of tokens again.  Errors: as in weir__tokens_read(); then the old ones stay. */
int weir__web_reload(struct weir__web_door *door, struct weir_error *error);

/* Is no longer ready, but goes on. */
void weir__web_leave(struct weir__web_door *door);

/* Accepts no more connections, and closes those without a call. */
void weir__web_stop(struct weir__web_door *door);

/* Whether a client still gets bytes. */
int weir__web_owes(const struct weir__web_door *door);

/* Cancels the calls that run, and closes all.  Not inside a callback.  Accepts NULL. */
void weir__web_close(struct weir__web_door *door);

#endif
