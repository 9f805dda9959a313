/* pool/front_mcp.h - the pool as an MCP server, of both eras, for any number of connections.
 *
 * One request, and what it waits for:
 *
 *   ping, initialize, server/discover   answered at once
 *   tools/list                          WAITING for the list of tools, then answered
 *   tools/call                          WAITING for the list, then RUNNING in the pool
 *   resources/..., prompts/..., completion/complete   mcp_offer.h
 *   subscriptions/listen                LISTENING until the client cancels it, or the server ends
 */
#ifndef WEIR_POOL_FRONT_MCP_H
#define WEIR_POOL_FRONT_MCP_H

#include "pool/catalog.h"
#include "pool/front.h"
#include "pool/gateway.h"

struct weir__mcp_offer;
struct weir__mcp_request;

/* Requests that wait, in the order in which they came. */
struct weir__mcp_queue {
    struct weir__mcp_request *first, **last;
};

enum { WEIR__MCP_MAX_RESULT = 8 << 20 };

struct weir__mcp_front {
    struct weir__gateway gateway;
    size_t max_result; /* bytes of a result; 0: 8 MiB */
    int64_t start_ms;  /* how long requests wait for workers that start */
    /* Called once: the list of tools is known. none: no worker could be started. */
    void (*on_ready)(bool none, void *context);
    void *context;

    struct weir__server *server;
    bool is_ready;
    weir__timer *start, *progress, *change;  /* change: the list was announced a moment ago */
    bool must_announce, may_not_announce;    /* it has changed; not before `change` */
    struct weir__mcp_queue waiting, looking; /* for the list of tools; for parts of the catalog */
    struct weir__catalog catalog;
    unsigned promised; /* capabilities that clients were told of before they were known */
    struct weir__mcp_request *reporting; /* with progress that is not sent yet */
};

/* Connects *front with the server, whose pool is open; before the server is opened. gateway is
 * filled in as weir__gateway_open() says; all other members, except max_result, start_ms, on_ready
 * and context, must be zero. Not inside a callback. Errors: SYSTEM, NOMEM. */
int weir__mcp_front_open(struct weir__mcp_front *front, struct weir__server *server, weir_t *weir,
                         weir_pool_t *pool, struct weir_error *error);

/* Ends the subscriptions of one connection. On the loop's thread. */
void weir__mcp_front_end_listening(struct weir__connection *connection);

/* Ends all subscriptions: the server drains. */
void weir__mcp_front_end_subscriptions(struct weir__mcp_front *front);

/* After the server is closed. */
void weir__mcp_front_close(struct weir__mcp_front *front);

#endif
