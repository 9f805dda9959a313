#include "config.h"

#include "work/dialect.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_parse.h"

enum { PROTOCOL = 1, METHOD_NOT_FOUND = -32601, INTERNAL_ERROR = -32603 };

int64_t weir__error_code(struct weir__slice error)
{
    static const char *const names[] = {"code"};
    struct weir__slice code, digits;
    int64_t number;

    weir__object_get(error, names, &code, 1);
    digits = code;
    if (code.length > 1 && code.bytes[0] == '-') {
        digits.bytes++;
        digits.length--;
    }
    number = weir__slice_number(digits);
    if (number < 0)
        return INTERNAL_ERROR;
    return digits.bytes == code.bytes ? number : -number;
}

/* --- What both rows do alike ---------------------------------------------- */

void weir__incoming_classify(const struct weir__message *message, struct weir__incoming *incoming)
{
    *incoming = (struct weir__incoming){.id = message->number};
    switch (message->kind) {
    case WEIR__MESSAGE_RESULT:
        incoming->kind = WEIR__INCOMING_RESULT;
        incoming->value = message->result;
        break;
    case WEIR__MESSAGE_ERROR:
        incoming->kind = WEIR__INCOMING_ERROR;
        incoming->value = message->error;
        break;
    case WEIR__MESSAGE_NOISE:
        incoming->kind = WEIR__INCOMING_NOISE;
        break;
    case WEIR__MESSAGE_NOT_JSON:
    case WEIR__MESSAGE_NOT_RPC:
        incoming->kind = WEIR__INCOMING_BROKEN;
        incoming->reason = message->reason;
        break;
    case WEIR__MESSAGE_BATCH:
        incoming->kind = WEIR__INCOMING_BATCH;
        incoming->value = message->params;
        break;
    case WEIR__MESSAGE_BLANK:
    case WEIR__MESSAGE_REQUEST:
    case WEIR__MESSAGE_NOTIFICATION:
        break;
    }
}

/* Progress is rare: its numbers may take an allocation. */
static double number_of(struct weir__slice slice)
{
    json_t *value = weir__slice_type(slice) == '0'
                        ? weir__json_parse(slice.bytes, slice.length, JSON_DECODE_ANY, NULL)
                        : NULL;
    double number = value != NULL ? json_number_value(value) : -1;

    json_decref(value);
    return number;
}

void weir__incoming_progress(struct weir__slice params, const char *const names[4],
                             struct weir__incoming *incoming)
{
    struct weir__slice found[4];

    weir__object_get(params, names, found, 4);
    incoming->kind = WEIR__INCOMING_PROGRESS;
    incoming->id = weir__slice_number(found[0]);
    incoming->progress = number_of(found[1]);
    incoming->total = number_of(found[2]);
    if (weir__slice_type(found[3]) == 's')
        incoming->value = found[3];
}

static void decode_plain(const char *line, size_t length, struct weir__incoming *incoming)
{
    struct weir__message message;

    weir__message_scan(line, length, &message);
    weir__incoming_classify(&message, incoming);
}

static int write_call(struct weir__buffer *to, int64_t id, const char *method,
                      struct weir__slice params, const struct weir__call_terms *terms)
{
    char text[24];

    return weir__write_request(to, weir__id_slice(id, text), method, params, terms);
}

/* --- The worker protocol, docs/protocol.md -------------------------------- */

static void decode_notification(const struct weir__message *message,
                                struct weir__incoming *incoming)
{
    enum { ID, VALUE, N, LEVEL, TEXT, COUNT };
    static const char *const names[COUNT] = {"id", "value", "n", "level", "message"};
    struct weir__slice found[COUNT];

    weir__object_get(message->params, names, found, COUNT);
    incoming->id = weir__slice_number(found[ID]);
    if (weir__slice_is(message->method, "weir/chunk")) {
        incoming->kind = WEIR__INCOMING_CHUNK;
        incoming->value = found[VALUE];
        if (incoming->value.bytes == NULL) {
            incoming->kind = WEIR__INCOMING_BROKEN;
            incoming->reason = "a chunk without a value";
        }
    } else if (weir__slice_is(message->method, "weir/credit")) {
        incoming->kind = WEIR__INCOMING_CREDIT;
        incoming->n = weir__slice_number(found[N]);
    } else if (weir__slice_is(message->method, "weir/log")) {
        incoming->kind = WEIR__INCOMING_LOG;
        incoming->value = found[TEXT];
        incoming->level = found[LEVEL];
        if (weir__slice_type(incoming->value) != 's')
            incoming->kind = WEIR__INCOMING_NOTHING;
    } else if (weir__slice_is(message->method, "weir/progress")) {
        static const char *const progress[] = {"id", "progress", "total", "message"};

        weir__incoming_progress(message->params, progress, incoming);
    }
}

static void decode_native(const char *line, size_t length, struct weir__incoming *incoming)
{
    struct weir__message message;

    weir__message_scan(line, length, &message);
    weir__incoming_classify(&message, incoming);
    if (message.kind == WEIR__MESSAGE_NOTIFICATION)
        decode_notification(&message, incoming);
}

static enum weir__handshake_step refuse(struct weir__handshake *handshake, const char *reason)
{
    snprintf(handshake->reason, sizeof handshake->reason,
             "has not started: its answer to weir/hello %s", reason);
    return WEIR__HANDSHAKE_FAILED;
}

static enum weir__handshake_step read_hello(struct weir__handshake *handshake,
                                            struct weir__slice result)
{
    enum { VERSION_MEMBER, METHODS, CONCURRENCY, PID, NODE, COUNT };
    static const char *const names[COUNT] = {"version", "methods", "concurrency", "pid", "node"};
    struct weir__slice found[COUNT];
    json_error_t fault;
    int64_t concurrency;

    weir__object_get(result, names, found, COUNT);
    if (weir__slice_number(found[VERSION_MEMBER]) != PROTOCOL)
        return refuse(handshake, "has an unsupported version: weir speaks 1");
    if (weir__slice_type(found[METHODS]) != 'o')
        return refuse(handshake, "has no \"methods\"");
    concurrency = weir__slice_number(found[CONCURRENCY]);
    if (found[CONCURRENCY].bytes != NULL && (concurrency < 1 || concurrency > INT_MAX))
        return refuse(handshake, "has a \"concurrency\" that is not a positive integer");
    handshake->concurrency = concurrency > 0 ? (unsigned)concurrency : 1;
    handshake->methods = weir__json_parse(found[METHODS].bytes, found[METHODS].length, 0, &fault);
    if (handshake->methods == NULL)
        return refuse(handshake, fault.text);
    if (weir__slice_number(found[PID]) > 0)
        handshake->pid = (pid_t)weir__slice_number(found[PID]);
    handshake->node = weir__slice_string(found[NODE], NULL);
    return WEIR__HANDSHAKE_READY;
}

static enum weir__handshake_step handshake_native(struct weir__handshake *handshake,
                                                  const struct weir__incoming *answer,
                                                  struct weir__buffer *to)
{
    if (answer == NULL) {
        const char *params =
            handshake->asks_schemas ? "{\"version\":1,\"schemas\":true}" : "{\"version\":1}";

        handshake->last_id = 1;
        if (write_call(to, 1, "weir/hello", weir__slice_of(params), NULL) < 0)
            return refuse(handshake, "could not be asked for: no memory");
        return WEIR__HANDSHAKE_MORE;
    }
    if (answer->kind == WEIR__INCOMING_RESULT)
        return read_hello(handshake, answer->value);
    if (weir__error_code(answer->value) != METHOD_NOT_FOUND || !handshake->may_be_plain) {
        snprintf(handshake->reason, sizeof handshake->reason,
                 "has not started: it answered weir/hello with %.*s%s",
                 (int)(answer->value.length < 130 ? answer->value.length : 130),
                 answer->value.bytes, handshake->may_be_plain ? WEIR__MCP_HINT : "");
        return WEIR__HANDSHAKE_FAILED;
    }
    handshake->dialect = &weir__dialect_plain;
    handshake->concurrency = 1;
    return WEIR__HANDSHAKE_READY;
}

static int cancel_native(struct weir__buffer *to, int64_t id, const char *reason)
{
    char text[24];

    (void)reason;
    return weir__write_cancel(to, weir__id_slice(id, text));
}

static int chunk_native(struct weir__buffer *to, int64_t id, struct weir__slice value)
{
    char text[24];

    return weir__write_chunk(to, weir__id_slice(id, text), value);
}

static int end_native(struct weir__buffer *to, int64_t id, struct weir__slice error)
{
    char text[24];

    return weir__write_end(to, weir__id_slice(id, text), error);
}

static int credit_native(struct weir__buffer *to, int64_t id, uint64_t n)
{
    char text[24];

    return weir__write_credit(to, weir__id_slice(id, text), n);
}

const struct weir__dialect weir__dialect_native = {
    .name = "native",
    .title = "the worker protocol",
    .handshake = handshake_native,
    .decode = decode_native,
    .call = write_call,
    .cancel = cancel_native,
    .chunk = chunk_native,
    .end = end_native,
    .credit = credit_native,
};

/* --- JSON-RPC 2.0 alone ---------------------------------------------------- */

static int call_plain(struct weir__buffer *to, int64_t id, const char *method,
                      struct weir__slice params, const struct weir__call_terms *terms)
{
    (void)terms;
    return write_call(to, id, method, params, NULL);
}

const struct weir__dialect weir__dialect_plain = {
    .name = "plain",
    .title = "plain JSON-RPC",
    .decode = decode_plain,
    .call = call_plain,
};
