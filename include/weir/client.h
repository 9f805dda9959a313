/* weir/client.h - call the functions of a running `weir serve`.
 *
 *     weir_client_t *client = weir_client_connect(weir, NULL, 10000, &error);
 *
 *     if (client == NULL || weir_client_call(client, "add", "[3,4]", NULL, &reply, &error) < 0)
 *         ...                                    // weir failed: error.text
 *     else if (reply.outcome == WEIR_CALL_RETURNED)
 *         use(reply.result, reply.length);       // 7
 *     weir_reply_clear(&reply);
 *     weir_client_close(client);
 *
 * A client is one connection.  Its calls are those of weir/pool.h, with the same outcomes: also
 * WEIR_CALL_REFUSED, WEIR_CALL_NO_WORKER and WEIR_CALL_POISON as the server reports them.  When
 * the connection is lost, calls that were sent end with WEIR_CALL_UNKNOWN, and further ones with
 * WEIR_CALL_NO_WORKER: open another client.
 *
 * A program that starts nothing can open its context with spawner_on_demand.
 *
 * Threads: as in weir/pool.h.  Many threads may call at once.
 */
#ifndef WEIR_CLIENT_H
#define WEIR_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <weir/context.h>
#include <weir/error.h>
#include <weir/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_client weir_client_t;

struct weir_client_options {
    size_t size;        /* sizeof (struct weir_client_options); set by weir_client_options_init() */
    int64_t timeout_ms; /* for the connection and the server's hello; 10000; WEIR_FOREVER */
    int any_server;     /* a server of any user will do, and gets the arguments of calls */
};

void weir_client_options_init_sized(struct weir_client_options *options, size_t size);
#define weir_client_options_init(options)                                                          \
    weir_client_options_init_sized((options), sizeof *(options))

/* Connects to the socket of a `weir serve` (NULL: $XDG_RUNTIME_DIR/weir.sock) and waits for the
 * server's hello; timeout_ms is for both, and may be WEIR_FOREVER.  A server of another user than
 * this one or root is refused, and nothing is sent to it.  Returns NULL on failure.  The caller
 * owns the client: weir_client_close().
 * Errors: INVALID, SYSTEM (no server there, or another user's), WORKER (it does not speak the
 * protocol, or refuses), TIMEOUT, NOMEM, BUSY. */
weir_client_t *weir_client_connect(weir_t *weir, const char *socket, int64_t timeout_ms,
                                   struct weir_error *error);

/* The same with options; NULL: their defaults. */
weir_client_t *weir_client_connect_with(weir_t *weir, const char *socket,
                                        const struct weir_client_options *options,
                                        struct weir_error *error);

/* The same over two descriptors, such as a socketpair or pipes to `weir serve --stdio`: in is read,
 * out is written.  They may be one.  Takes both, also on failure. */
weir_client_t *weir_client_over(weir_t *weir, int in, int out, int64_t timeout_ms,
                                struct weir_error *error);

/* The functions as in the hello of docs/protocol.md, a JSON object.  Borrowed. */
const char *weir_client_methods(const weir_client_t *client);

/* Like weir_call_start() and weir_call(), for a client.  kind and idempotent of the options have no
 * effect: the server decides. */
weir_call_t *weir_client_start(weir_client_t *client, const char *method, const char *params,
                               size_t params_length, const struct weir_call_options *options,
                               const struct weir_call_sink *sink, struct weir_error *error);
int weir_client_call(weir_client_t *client, const char *method, const char *params,
                     const struct weir_call_options *options, struct weir_reply *reply,
                     struct weir_error *error);

/* Called once, on the thread that runs the loop, when the connection is lost; at once if it is.
 * why completes "the server ...".  Not called for weir_client_close(), which it may call. */
typedef void (*weir_client_lost)(weir_client_t *client, const char *why, void *context);
void weir_client_on_lost(weir_client_t *client, weir_client_lost lost, void *context);

/* Disconnects, which cancels the calls under way, and frees the client.  Calls that are not freed
 * stay valid and have their outcome.  Accepts NULL. */
void weir_client_close(weir_client_t *client);

#ifdef __cplusplus
}
#endif
#endif
