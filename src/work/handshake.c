#include "config.h"

#include "work/handshake.h"

#include <stdio.h>
#include <stdlib.h>

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

enum weir__handshake_step weir__handshake_begin(struct weir__handshake *handshake,
                                                enum weir_dialect wanted, int asks_schemas,
                                                struct weir__message_reader *reader,
                                                struct weir__worker *worker,
                                                struct weir__buffer *to)
{
    *handshake = (struct weir__handshake){
        .dialect = wanted == WEIR_DIALECT_PLAIN ? &weir__dialect_plain : &weir__dialect_native,
        .asks_schemas = asks_schemas,
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

void weir__handshake_time_out(struct weir__handshake *handshake, int64_t timeout_ms)
{
    snprintf(handshake->reason, sizeof handshake->reason,
             "did not answer weir/hello in time (within %g s): is it a worker as described in "
             "docs/protocol.md?",
             (double)timeout_ms / 1000);
}

void weir__handshake_clear(struct weir__handshake *handshake)
{
    json_decref(handshake->methods);
    free(handshake->node);
    handshake->methods = NULL;
    handshake->node = NULL;
}
