/* Answers of a worker: values, errors, and their effect on the record. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map/map_call.h"
#include "map/map.h"
#include "text/json_validate.h"

enum {
    LONGEST_MESSAGE = 2048, /* of an error message in a dead letter */
    LONGEST_DATA = 8192,
    INVALID_REQUEST = -32600,
    METHOD_NOT_FOUND = -32601,
    INVALID_PARAMS = -32602,
    STREAM_RULE = -33004,
};

/* --- It fails ---------------------------------------------------------------- */

/* Writes the error for a dead letter: long parts are cut or left out. */
static int shorten(struct weir__slice error, struct weir__buffer *to)
{
    static const char *const names[] = {"message", "data"};
    struct weir__slice found[2];
    char *message;
    size_t length = 0;
    int status;

    weir__object_get(error, names, found, 2);
    message = weir__slice_string(found[0], &length);
    if (length > LONGEST_MESSAGE) {
        for (length = LONGEST_MESSAGE; ((unsigned char)message[length] & 0xC0) == 0x80; length--)
            ;
        message[length] = '\0';
    }
    if (found[1].length > LONGEST_DATA)
        found[1] = (struct weir__slice){NULL, 0};
    to->length = 0;
    status = weir__write_error_value(to, weir__error_code(error), message != NULL ? message : "",
                                     found[1]);
    free(message);
    return status;
}

/* A failure of this record alone, whatever else is in flight. final: it would fail again. */
static void fail_record(struct weir__map_worker *worker, struct weir__record *record,
                        const char *reason, struct weir__slice error, int final)
{
    struct weir_map *map = worker->map;
    struct weir__slice shown;

    map->report.errors++;
    record->attempts++;
    if (record->attempts <= map->options.retries && !final) {
        map->report.retries++;
        map->report.redelivered++;
        weir__record_queue_put(&map->workers.quarantined, record);
        return;
    }
    if (shorten(error, &map->scratch) < 0)
        weir__call_no_memory(worker);
    shown = (struct weir__slice){map->scratch.bytes, map->scratch.length};
    weir__map_worker_note_dead(worker, record, reason, record->call.turn_ns);
    weir__map_dead_letter(map, record, reason, &worker->process, &shown);
}

static void fail_with(struct weir__map_worker *worker, struct weir__record *record,
                      const char *reason, int64_t code, const char *message)
{
    struct weir__buffer error = {0};

    if (weir__write_error_value(&error, code, message, (struct weir__slice){NULL, 0}) < 0)
        weir__call_no_memory(worker);
    fail_record(worker, record, reason, (struct weir__slice){error.bytes, error.length},
                strcmp(reason, "overflow") == 0);
    weir__buffer_clear(&error);
}

static void overflow(struct weir__map_worker *worker, struct weir__record *record)
{
    char message[100];

    snprintf(message, sizeof message, "the result is longer than %zu bytes",
             worker->map->options.max_record);
    fail_with(worker, record, "overflow", STREAM_RULE, message);
}

/* Lists the names of its functions, as many as fit. */
static void list_methods(const struct weir__handshake *handshake, char *text, size_t size)
{
    size_t at = 0;
    const char *name;
    json_t *method;

    snprintf(text, size, "none");
    json_object_foreach(handshake->methods, name, method)
    {
        int length = snprintf(text + at, size - at, "%s%s", at > 0 ? ", " : "", name);

        if (length < 0 || (size_t)length >= size - at) {
            snprintf(text + (at < size - 6 ? at : size - 6), 6, ", ...");
            return;
        }
        at += (size_t)length;
    }
}

void weir__call_no_such_method(struct weir__map_worker *worker)
{
    const struct weir__handshake *handshake = &worker->call->handshake;
    const char *name = worker->map->options.call;
    char methods[300];

    list_methods(handshake, methods, sizeof methods);
    if (handshake->methods != NULL)
        weir__map_end(worker->map, 4, WEIR_STOP_NONE,
                      "the worker cannot run: it has no function \"%s\"; it has: %s", name,
                      methods);
    else
        weir__map_end(worker->map, 4, WEIR_STOP_NONE,
                      "the worker cannot run: it has no function \"%s\"", name);
}

/* Whether the cause is in what was sent: a worker that cannot read a record's line cannot read
 * it the next time. */
static int is_final(struct weir__slice error)
{
    int64_t code = weir__error_code(error);

    return code == INVALID_PARAMS || code == INVALID_REQUEST;
}

/* An error without an id: the worker could not read a line from us. It belongs to the call in
 * inflight if there is only one; otherwise it is ambiguous. */
int weir__call_error_came(struct weir__map_worker *worker, const struct weir__incoming *incoming,
                          int64_t now_ns)
{
    struct weir__map_worker_call *call = worker->call;
    struct weir__record *record = weir__call_find(worker, incoming->id);

    if (record == NULL && incoming->id < 0 && worker->inflight.count > 0) {
        if (worker->inflight.count > 1) {
            weir__map_worker_desync(worker);
            return 0;
        }
        record = worker->inflight.first;
    }
    if (record == NULL) {
        weir__gather_drop(call, weir__gather_find(call, incoming->id));
        return 1;
    }
    if (weir__error_code(incoming->value) == METHOD_NOT_FOUND) {
        weir__call_no_such_method(worker);
        return 1;
    }
    weir__gather_drop(call, weir__gather_find(call, record->call.id));
    weir__call_take_out(worker, record, now_ns);
    weir__map_worker_mark_healthy(worker);
    fail_record(worker, record, "error", incoming->value, is_final(incoming->value));
    return 1;
}

/* --- It gives values --------------------------------------------------------- */

/* Appends a value and a newline. Returns 0 if they would be too long. */
static int add_value(struct weir__map_worker *worker, struct weir__buffer *values,
                     struct weir__slice value)
{
    if (values->length + value.length > worker->map->options.max_record)
        return 0;
    if (weir__buffer_add(values, value.bytes, value.length, NULL) < 0
        || weir__buffer_add(values, "\n", 1, NULL) < 0)
        weir__call_no_memory(worker);
    return 1;
}

static int is_null(struct weir__slice value)
{
    return weir__slice_type(value) == 'n';
}

static void answer(struct weir__map_worker *worker, struct weir__record *record,
                   struct weir__gather *gather, struct weir__slice value, int64_t now_ns)
{
    struct weir__map_worker_call *call = worker->call;
    struct weir_map *map = worker->map;
    struct weir__buffer *values = gather != NULL ? &gather->values : &call->scratch;
    int64_t turn_ns = record->call.turn_ns;
    int fits = 1;

    weir__call_take_out(worker, record,
                        now_ns); /* what this writes is sent before scratch is used */
    if (!is_null(value) || (!call->is_stream && !map->options.drop_null))
        fits = add_value(worker, values, value);
    if (fits)
        weir__map_worker_note_reply(worker, record, values->length,
                                    turn_ns > 0 ? now_ns - turn_ns : 0, now_ns);
    if (!fits)
        overflow(worker, record);
    else if (!call->is_stream && is_null(value) && map->options.drop_null)
        weir__map_settle(map, record, WEIR__DROPPED, NULL, 0);
    else
        weir__map_settle(map, record, WEIR__ANSWERED, values->bytes, values->length);
    call->scratch.length = 0;
    weir__gather_drop(call, gather);
}

int weir__call_chunk_came(struct weir__map_worker *worker, const struct weir__incoming *incoming,
                          int64_t now_ns)
{
    struct weir__map_worker_call *call = worker->call;
    struct weir__gather *gather = weir__gather_find(call, incoming->id);
    struct weir__record *record = weir__call_find(worker, incoming->id);
    int64_t n;

    if (record == NULL) /* late or cancelled */
        return 1;
    if (gather == NULL && (gather = weir__gather_add(worker, incoming->id)) == NULL)
        return 1;
    if (!call->is_stream || !weir__receiver_take(&gather->receiver)) {
        weir__call_take_out(worker, record, now_ns);
        weir__call_cancel(worker, incoming->id, now_ns);
        fail_with(worker, record, "error", STREAM_RULE,
                  call->is_stream ? "it sent more values than it had credit for"
                                  : "it sent stream values without declaring a stream");
        return 1;
    }
    if (!(is_null(incoming->value) && worker->map->options.drop_null)
        && !add_value(worker, &gather->values, incoming->value)) {
        weir__call_take_out(worker, record, now_ns);
        weir__call_cancel(worker, incoming->id, now_ns);
        overflow(worker, record);
        return 1;
    }
    n = weir__receiver_consume(&gather->receiver);
    if (n > 0
        && (call->reader.dialect->credit(&call->scratch, incoming->id, (uint64_t)n) < 0
            || weir__call_give(worker) < 0))
        weir__call_no_memory(worker);
    return 1;
}

int weir__call_result_came(struct weir__map_worker *worker, const struct weir__incoming *incoming,
                           int64_t now_ns)
{
    struct weir__gather *gather = weir__gather_find(worker->call, incoming->id);
    struct weir__record *record = weir__call_find(worker, incoming->id);

    if (record != NULL)
        answer(worker, record, gather, incoming->value, now_ns);
    else
        weir__gather_drop(worker->call, gather); /* cancelled; anything else is late */
    return 1;
}
