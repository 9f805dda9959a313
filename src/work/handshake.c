#include "config.h"

#include "work/handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/mcp.h"

static enum weir__handshake_step take_step(struct weir__handshake *handshake,
                                           const struct weir__incoming *answer,
                                           struct weir__buffer *to)
{
    enum weir__handshake_step step = handshake->dialect->handshake != NULL
                                         ? handshake->dialect->handshake(handshake, answer, to)
                                         : WEIR__HANDSHAKE_READY;

    if (step == WEIR__HANDSHAKE_READY) {
        handshake->is_over = 1;
        handshake->reader->dialect = handshake->dialect;
        handshake->worker->far_pid = handshake->pid;
        handshake->worker->far_node = handshake->node;
    }
    return step;
}

enum weir__handshake_step
weir__handshake_begin(struct weir__handshake *handshake, enum weir_dialect wanted, int asks_schemas,
                      enum weir__mcp_start start, struct weir__message_reader *reader,
                      struct weir__worker *worker, struct weir__buffer *to)
{
    static const struct weir__dialect *const first[] = {
        [WEIR_DIALECT_AUTO] = &weir__dialect_native,
        [WEIR_DIALECT_NATIVE] = &weir__dialect_native,
        [WEIR_DIALECT_PLAIN] = &weir__dialect_plain,
        [WEIR_DIALECT_MCP] = &weir__dialect_mcp,
    };

    *handshake = (struct weir__handshake){
        .asks_schemas = asks_schemas,
        .dialect = first[wanted],
        .start = start,
        .may_be_plain = wanted == WEIR_DIALECT_AUTO,
        .concurrency = 1,
        .reader = reader,
        .worker = worker,
    };
    reader->dialect = handshake->dialect;
    return take_step(handshake, NULL, to);
}

enum weir__handshake_step weir__handshake_take(struct weir__handshake *handshake,
                                               const struct weir__incoming *answer,
                                               struct weir__buffer *to)
{
    if (handshake->is_over || answer->id < 1 || answer->id > handshake->last_id
        || (answer->kind != WEIR__INCOMING_RESULT && answer->kind != WEIR__INCOMING_ERROR))
        return WEIR__HANDSHAKE_UNRELATED;
    return take_step(handshake, answer, to);
}

enum weir__mcp_start weir__mcp_start_of(const char *version)
{
    if (version == NULL)
        return WEIR__MCP_PROBE;
    return strcmp(version, WEIR__MCP_MODERN_VERSION) == 0 ? WEIR__MCP_START_MODERN
                                                          : WEIR__MCP_START_LEGACY;
}

enum weir__handshake_step weir__handshake_quiet(struct weir__handshake *handshake,
                                                struct weir__buffer *to)
{
    handshake->quiet_ms = 0;
    return handshake->is_over || handshake->has_answered ? WEIR__HANDSHAKE_MORE
                                                         : take_step(handshake, NULL, to);
}

int weir__handshake_greets_again(const struct weir__handshake *handshake)
{
    return handshake->start == WEIR__MCP_PROBE && handshake->discover_id > 0
           && !handshake->has_answered && !handshake->is_over;
}

void weir__handshake_time_out(struct weir__handshake *handshake, int64_t timeout_ms)
{
    if (handshake->reader->dialect == &weir__dialect_mcp) {
        snprintf(handshake->reason, sizeof handshake->reason,
                 "did not %s in time (within %g s): is it an MCP server?",
                 handshake->list_id > 0       ? "list its tools"
                 : handshake->discover_id > 0 ? "answer server/discover"
                                              : "answer initialize",
                 (double)timeout_ms / 1000);
        return;
    }
    snprintf(handshake->reason, sizeof handshake->reason,
             "did not answer weir/hello in time (within %g s): is it a worker as described in "
             "docs/protocol.md?",
             (double)timeout_ms / 1000);
}

void weir__handshake_clear(struct weir__handshake *handshake)
{
    json_decref(handshake->methods);
    weir__tool_list_clear(&handshake->tools);
    free(handshake->node);
    handshake->methods = NULL;
    handshake->node = NULL;
}
