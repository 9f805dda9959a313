/* Limits of a server over all its connections.
 *
 * The weight of a connection is the memory held for it: a partial line, requests with open
 * calls, and answers that the client has not read.  By the sum of all weights:
 *
 *   up to 3/4 of the limit   nothing happens
 *   above                    the heaviest connection is held: its requests are not read
 *   held for 5 s             it is dropped if it cannot get lighter: it has no open call, and
 *                            its client has read nothing
 *   above the limit          the heaviest connection is dropped at once, until the rest fits
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "pool/server_call.h"
#include "proc/context.h"

enum {
    LOOK_MS = 250, /* interval for checking a held connection */
    PATIENCE_LOOKS = 20,
};

/* --- Life ------------------------------------------------------------------ */

static void look_at_held(void *data);
static void weigh(struct weir__server *server, struct weir__connection *connection);

int weir__server_begin(struct weir__server *server, struct weir_error *error)
{
    struct weir__server_limits *limits = &server->limits;

    if (limits->max_calls == 0)
        limits->max_calls = WEIR__MAX_CALLS;
    if (limits->max_connections == 0)
        limits->max_connections = WEIR__MAX_CONNECTIONS;
    if (limits->max_memory == 0)
        limits->max_memory = WEIR__MAX_MEMORY;
    server->on_weight = weigh;
    return weir__timer_new(server->weir->loop, look_at_held, server, &server->patience, error);
}

void weir__server_end(struct weir__server *server)
{
    weir__timer_close(&server->patience);
    weir__timer_close(&server->sweep);
}

/* --- Memory ---------------------------------------------------------------- */

static struct weir__connection *find_heaviest(const struct weir__server *server)
{
    struct weir__connection *heaviest = NULL;

    for (struct weir__connection *connection = server->connections; connection != NULL;
         connection = connection->next)
        if (!connection->is_over && (heaviest == NULL || connection->weight > heaviest->weight))
            heaviest = connection;
    return heaviest;
}

static size_t mark_of(const struct weir__server *server)
{
    return server->limits.max_memory / 4 * 3;
}

static void hold(struct weir__server *server, struct weir__connection *connection)
{
    struct weir__connection *before = server->held;

    if (before == connection)
        return;
    server->held = connection;
    if (before != NULL)
        weir__connection_hold(before, 0);
    if (connection == NULL)
        return;
    connection->has_taken = 0;
    server->looks = 0;
    weir__connection_hold(connection, 1);
    weir__timer_start(server->patience, LOOK_MS);
}

static void drop(struct weir__server *server, struct weir__connection *connection)
{
    server->dropped++;
    weir__connection_drop(connection,
                          "the server is short of memory, and this connection has most of "
                          "it: send less at a time, read answers sooner, or raise "
                          "--max-memory");
}

static void look_at_held(void *data)
{
    struct weir__server *server = data;
    struct weir__connection *connection = server->held;

    if (connection == NULL)
        return;
    weir__server_call_weigh(connection); /* workers may have read some of it */
    weigh(server, connection);
    if (server->held != connection)
        return;
    if (++server->looks == PATIENCE_LOOKS) {
        if (connection->calls == NULL && !connection->has_taken) {
            drop(server, connection);
            return;
        }
        connection->has_taken = 0;
        server->looks = 0;
    }
    weir__timer_start(server->patience, LOOK_MS);
}

static void weigh(struct weir__server *server, struct weir__connection *connection)
{
    size_t weight = weir__connection_weight(connection);
    struct weir__connection *heaviest;

    server->memory += weight - connection->weight;
    connection->weight = weight;
    if (server->memory <= mark_of(server)) {
        hold(server, NULL);
        return;
    }
    heaviest = find_heaviest(server);
    if (server->memory > server->limits.max_memory && heaviest != NULL)
        drop(server, heaviest); /* re-enters here with a smaller total */
    else
        hold(server, heaviest);
}

/* --- Figures ---------------------------------------------------------------- */

/* The pool's statistics plus a member "server". */
char *weir__server_stats(struct weir__server *server)
{
    char *text = weir_pool_stats(server->pool), figures[640];
    struct weir__buffer all = {0};
    int status = text == NULL ? -1 : 0;

    snprintf(figures, sizeof figures,
             ",\"server\":{\"connections\":%zu,\"max_connections\":%zu,\"open_calls\":%zu,"
             "\"max_calls\":%zu,\"memory\":%zu,\"max_memory\":%zu,\"held\":%d,"
             "\"refused_users\":%" PRIu64 ",\"refused_connections\":%" PRIu64
             ",\"refused_calls\":%" PRIu64 ",\"dropped\":%" PRIu64 "}}",
             server->connection_count, server->limits.max_connections, server->calls,
             server->limits.max_calls, server->memory, server->limits.max_memory,
             server->held != NULL, server->refused_users, server->refused_connections,
             server->refused_calls, server->dropped);
    if (status >= 0)
        status = weir__buffer_add(&all, text, strlen(text) - 1, NULL); /* without the closing
                                                                        * brace */
    if (status >= 0)
        status = weir__buffer_add(&all, figures, strlen(figures) + 1, NULL);
    free(text);
    if (status < 0)
        weir__buffer_clear(&all);
    return all.bytes;
}
