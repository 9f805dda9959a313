/* pool/mcp_offer.h - requests of MCP clients for what servers behind the pool have besides tools:
 * resources/..., prompts/..., completion/complete.
 *
 *   a list                 WAITING for the catalog, then answered
 *   of one thing           WAITING for the catalog where more than one server may own it, then
 *                          RUNNING in the pool, and answered as its server answers
 */
#ifndef WEIR_POOL_MCP_OFFER_H
#define WEIR_POOL_MCP_OFFER_H

#include "pool/mcp_answer.h"

/* Finds out what a request asks for. Returns NULL: nothing of that kind. */
const struct weir__mcp_offer *weir__mcp_offer_find(struct weir__slice method);

/* Whether there is a server for it, or a client was told before that there may be one. */
bool weir__mcp_is_offered(const struct weir__mcp_front *front, const struct weir__mcp_offer *offer);

/* What is wrong with its params; NULL: nothing. */
const char *weir__mcp_offer_fault(const struct weir__mcp_offer *offer, struct weir__slice params);

/* Starts the request, whose .offer and .params are set. */
void weir__mcp_offer_start(struct weir__mcp_request *request);

/* A list has been read: goes on with those that wait for it. data: the front. */
void weir__mcp_offer_go_on(enum weir__catalog_part part, void *data);

/* The capabilities to tell clients about, now. */
unsigned weir__mcp_offer_promise(struct weir__mcp_front *front);

#endif
