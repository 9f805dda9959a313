#include "config.h"

#include "pool/call_answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/printable.h"
#include "pool/call.h"
#include "rpc/mcp.h"

enum { REPEAT_MS = 100, MOST_REPEATS = 8 }; /* before a call is repeated, and how often at most */

/* What a server reports of the call in its own pool. */
static enum weir_outcome server_outcome(int64_t code)
{
    switch (code) {
    case -32800:
        return WEIR_CALL_CANCELLED;
    case -33001:
        return WEIR_CALL_DEADLINE;
    case -33005:
    case -33009:
        return WEIR_CALL_REFUSED;
    case -33006:
        return WEIR_CALL_UNKNOWN;
    case -33007:
        return WEIR_CALL_NO_WORKER;
    case -33008:
        return WEIR_CALL_POISON;
    default:
        return WEIR_CALL_FAILED;
    }
}

static void take_error(struct weir_call *call, struct weir__slice error)
{
    static const char *const names[] = {"message"};
    struct weir_reply *reply = &call->reply;
    struct weir__slice message;

    weir__object_get(error, names, &message, 1);
    reply->code = weir__error_code(error);
    reply->message = weir__slice_string(message, NULL);
    reply->error = strndup(error.bytes, error.length);
    if (reply->message == NULL)
        reply->message = strdup("failed without a message");
    reply->outcome = WEIR_CALL_FAILED;
    if (call->pool->is_client)
        reply->outcome = server_outcome(reply->code);
    else if (reply->code == -33001 && call->deadline_ns != INT64_MAX)
        reply->outcome = WEIR_CALL_DEADLINE;
    else if (reply->code == -32800 && call->asked == WEIR__ASKED_CANCEL)
        reply->outcome = WEIR_CALL_CANCELLED;
}

/* The server wants the same request again, with what it says. Returns 0 if not once more. */
static int repeat(struct weir_call *call, struct weir__slice state)
{
    if (call->operation.over || call->repeats >= MOST_REPEATS)
        return 0;
    free(call->request_state);
    call->request_state = state.bytes != NULL ? strndup(state.bytes, state.length) : NULL;
    if (state.bytes != NULL && call->request_state == NULL)
        return 0;
    call->repeats++;
    call->is_pausing = 1;
    weir__timer_heap_set(&call->pool->timers, &call->stop_timer, weir__clock_in_ms(REPEAT_MS));
    return 1;
}

/* The answer of an MCP server: what it means as an outcome. Returns 0 if there is none yet. */
static int settle(struct weir_call *call, struct weir__incoming *incoming,
                  struct weir__buffer *scratch)
{
    const struct weir__dialect *dialect = call->worker->reader.dialect;

    if (call->is_pausing)
        return 0; /* answered twice */
    if (call->state == WEIR__CALL_CANCELLING)
        call->pool->late++;
    if (incoming->kind == WEIR__INCOMING_RESULT
        && dialect->settle(incoming, call->whole, scratch) < 0)
        incoming->value =
            WEIR__LITERAL("{\"code\":-32603,\"message\":\"no memory for the error\"}");
    if (incoming->kind != WEIR__INCOMING_REPEAT)
        return 1;
    if (repeat(call, incoming->value))
        return 0;
    incoming->kind = WEIR__INCOMING_ERROR;
    scratch->length = 0;
    weir__write_error_value(scratch, -32603, "the tool asks to be repeated again and again",
                            (struct weir__slice){NULL, 0});
    incoming->value = (struct weir__slice){scratch->bytes, scratch->length};
    return 1;
}

/* The schema that the tool has for what it returns, or NULL. */
static json_t *find_output(const struct weir_call *call)
{
    char *tool = weir__mcp_tool(call->method, call->params);
    const json_t *about = json_object_get(call->group->methods, tool != NULL ? tool : call->method);
    json_t *output = json_object_get(json_object_get(about, "tool"), "outputSchema");

    free(tool);
    return json_is_object(output) ? output : NULL;
}

/* Makes an error of a result that is not what the tool has promised. */
static void check_output(const struct weir_call *call, struct weir__incoming *incoming,
                         struct weir__buffer *scratch)
{
    const struct weir_pool *pool = call->pool;
    json_t *output = incoming->kind == WEIR__INCOMING_RESULT ? find_output(call) : NULL;
    struct weir__mcp_result read;
    char reason[300] = "there is no structuredContent", sentence[400];

    if (output == NULL)
        return;
    weir__mcp_result_read(incoming->value, &read);
    if (read.kind != WEIR__MCP_VALUE
        || (read.structured.bytes != NULL
            && pool->check_output(output, read.structured, reason, sizeof reason,
                                  pool->check_context)))
        return;
    weir__sentence(sentence, sizeof sentence, "the result does not fit the tool's outputSchema: %s",
                   reason);
    incoming->kind = WEIR__INCOMING_ERROR;
    if (weir__write_error_value(scratch, -33003, sentence, (struct weir__slice){NULL, 0}) == 0)
        incoming->value = (struct weir__slice){scratch->bytes, scratch->length};
    else
        incoming->value = WEIR__LITERAL("{\"code\":-33003,\"message\":\"no memory\"}");
}

static void take_answer(struct weir_call *call, const struct weir__incoming *incoming)
{
    struct weir_reply *reply = &call->reply;

    weir__histogram_add(&call->pool->latency, weir__clock_ns() - call->started_ns);
    if (!call->operation.over) {
        if (incoming->kind == WEIR__INCOMING_ERROR) {
            take_error(call, incoming->value);
        } else {
            reply->outcome = WEIR_CALL_RETURNED;
            reply->result = malloc(incoming->value.length + 1);
            if (reply->result == NULL) {
                weir__call_set_outcome(call, WEIR_CALL_UNKNOWN, -33006, "no memory for the result");
            } else {
                memcpy(reply->result, incoming->value.bytes, incoming->value.length);
                reply->result[incoming->value.length] = '\0';
                reply->length = incoming->value.length;
            }
        }
    }
    weir__call_end(call);
}

void weir__call_answer(struct weir_call *call, const struct weir__incoming *incoming)
{
    if (call->worker->reader.dialect->settle != NULL) {
        struct weir__incoming settled = *incoming;
        struct weir__buffer scratch = {0};

        if (call->pool->check_output != NULL)
            check_output(call, &settled, &scratch);
        if (settle(call, &settled, &scratch))
            take_answer(call, &settled);
        weir__buffer_clear(&scratch);
    } else {
        take_answer(call, incoming);
    }
}
