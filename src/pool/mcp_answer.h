/* pool/mcp_answer.h - a tool call of an MCP client, from its start in the pool to its answer.
 *
 * A function becomes a tool: its value is text and structure, its stream is an array that is
 * gathered here, each value of which is progress, and its error is a text for the model.
 *
 * Progress is sent at most every 100 ms, and never together with the answer: clients forget the
 * request when the answer arrives, and complain of what they read with it.
 */
#ifndef WEIR_POOL_MCP_ANSWER_H
#define WEIR_POOL_MCP_ANSWER_H

#include "pool/front_mcp.h"

/* A request that is open: it waits for the list of tools, runs or listens. */
struct weir__mcp_request {
    struct weir__server_call *call; /* has it as front_data */
    struct weir__mcp_front *front;
    enum weir__mcp_era era;
    struct weir__mcp_request *next, **link; /* of those that wait; link NULL: it does not */
    struct weir__mcp_queue *queue;          /* where it waits */
    bool listens, wants_tools;              /* subscriptions/listen */

    /* A tool call; NULL: it is none. */
    char *name;
    char *arguments, *token, *traceparent, *tracestate; /* NULL: none */
    char *more; /* of a modern client, for an MCP server: members of params after the arguments */

    /* For what servers have besides tools (mcp_offer.h); NULL: it is not. */
    const struct weir__mcp_offer *offer;
    char *params;
    unsigned wanted; /* parts of the catalog that it waits for, a bit for each */
    bool has_looked; /* they were read since it came */

    /* Once it runs. */
    bool streams, is_mcp, may_be_kept;
    enum weir__mcp_structure structure;
    struct weir__buffer gathered; /* the values of a stream, as an array that is still open */
    uint64_t values;
    unsigned consumed; /* values for which credit is due */

    weir__timer *idle; /* NULL: it may be silent for as long as it likes */
    int64_t idle_ms;

    struct weir__buffer report; /* the latest progress, not sent yet */
    int64_t reported_ns;
    struct weir__mcp_request *next_report, **report_link; /* link NULL: nothing to report */
};

/* Copies what a tool call needs from the request's line. Errors: NOMEM. */
int weir__mcp_request_keep(struct weir__mcp_request *request, struct weir__slice params,
                           const struct weir__mcp_meta *meta);
void weir__mcp_request_clear(struct weir__mcp_request *request);

/* Starts the call, which is answered when it is over. */
void weir__mcp_answer_start(struct weir__mcp_request *request, const struct weir__tool *tool);

/* Passes a request other than tools/call on to a kind's MCP server. */
void weir__mcp_answer_pass(struct weir__mcp_request *request, unsigned kind, const char *method,
                           struct weir__slice params);

void weir__mcp_queue_add(struct weir__mcp_queue *queue, struct weir__mcp_request *request);
void weir__mcp_queue_remove(struct weir__mcp_request *request);

/* The timer for progress: sends what is due. */
void weir__mcp_progress_due(struct weir__mcp_front *front);

#endif
