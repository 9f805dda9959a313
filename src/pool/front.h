/* pool/front.h - what a connection speaks: the protocol of docs/protocol.md, or MCP.
 *
 * A connection has bytes, batches, limits and open calls; its front knows what they mean. A front
 * writes whole messages into the connection's buffer and never sees how they travel.
 */
#ifndef WEIR_POOL_FRONT_H
#define WEIR_POOL_FRONT_H

#include "pool/connection_out.h"

struct weir__front {
    /* A message; batch: the one that it came in, or NULL. Returns its cost in messages. */
    int (*hear)(struct weir__connection *connection, struct weir__batch *batch,
                const struct weir__message *message);
    /* Answers something that is no message, and has no id. */
    void (*refuse)(struct weir__connection *connection, struct weir__batch *batch, int64_t code,
                   const char *message);
    /* The end of the input of two descriptors ends the connection; else requests that were sent
     * are answered before. */
    int ends_with_input;
    /* A call, a connection is about to be freed: frees its front_data. May be NULL. */
    void (*forget_call)(struct weir__server_call *call);
    void (*forget)(struct weir__connection *connection);
};

/* A built-in request is answered at once, which costs as much as several calls. */
enum { WEIR__BUILT_IN_COST = 16 };

extern const struct weir__front weir__front_native, weir__front_mcp;

/* Becomes one of the above with the client's first request. */
extern const struct weir__front weir__front_unknown;

#endif
