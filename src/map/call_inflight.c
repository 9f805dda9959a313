/* Calls in flight: sends records as calls, and ends calls. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "map/map_call.h"
#include "map/map.h"

enum { CREDIT = 64 }; /* chunks of a call in flight */

void weir__call_no_memory(struct weir__map_worker *worker)
{
    struct weir_error error;

    weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory to call %s", worker->map->options.call);
    weir__map_fail(worker->map, &error);
}

/* --- On their way out -------------------------------------------------------- */

int weir__call_give(struct weir__map_worker *worker)
{
    struct weir__buffer *scratch = &worker->call->scratch;
    int status = weir__worker_send(&worker->process, scratch->bytes, scratch->length);

    scratch->length = 0;
    return status;
}

/* An array is the parameters by position, an object by name, anything else the only one. */
static int write_call(struct weir__map_worker *worker, struct weir__record *record)
{
    struct weir__map_worker_call *call = worker->call;
    struct weir__slice params = {record->bytes, record->length - 1};
    struct weir__call_terms terms = {.deadline_ms = -1, .credit = call->is_stream ? CREDIT : 0};
    struct weir__buffer *wrapped = &worker->map->scratch;
    char first;

    while (params.length > 0 && strchr(" \t\r", params.bytes[0]) != NULL)
        params.bytes++, params.length--;
    first = weir__slice_type(params);
    if (first != 'a' && first != 'o') {
        wrapped->length = 0;
        if (weir__buffer_add(wrapped, "[", 1, NULL) < 0
            || weir__buffer_add(wrapped, params.bytes, params.length, NULL) < 0
            || weir__buffer_add(wrapped, "]", 1, NULL) < 0)
            return WEIR_ERR_NOMEM;
        params = (struct weir__slice){wrapped->bytes, wrapped->length};
    }
    record->call.id = ++call->last_id;
    record->call.sent_at = worker->process.all_sent;
    if (call->reader.dialect->call(&call->scratch, record->call.id, worker->map->options.call,
                                   params, &terms)
        < 0)
        return WEIR_ERR_NOMEM;
    return weir__call_give(worker);
}

/* Each worker runs this many calls at a time: only their time counts. */
static int give_turns(struct weir__map_worker *worker, int64_t now_ns)
{
    struct weir__map_worker_call *call = worker->call;

    while (call->is_ready && call->waiting != NULL && call->running < call->handshake.concurrency) {
        struct weir__record *record = call->waiting;

        if (call->is_plain && write_call(worker, record) < 0)
            return WEIR_ERR_NOMEM;
        record->call.turn_ns = now_ns;
        call->running++;
        call->waiting = record->next;
    }
    return 0;
}

int weir__call_send_all(struct weir__map_worker *worker, int64_t now_ns)
{
    if (!worker->call->is_plain)
        for (struct weir__record *record = worker->inflight.first; record != NULL;
             record = record->next)
            if (write_call(worker, record) < 0)
                return WEIR_ERR_NOMEM;
    return give_turns(worker, now_ns);
}

int weir__call_send(struct weir__map_worker *worker, struct weir__record *record)
{
    struct weir__map_worker_call *call = worker->call;

    record->call = (struct weir__call_mark){0};
    if (call->waiting == NULL)
        call->waiting = record;
    if (!call->is_ready)
        return 0;
    if (!call->is_plain && write_call(worker, record) < 0)
        return WEIR_ERR_NOMEM;
    return give_turns(worker, weir__clock_ns());
}

/* --- In flight --------------------------------------------------------------- */

struct weir__record *weir__call_find(const struct weir__map_worker *worker, int64_t id)
{
    struct weir__record *record = worker->inflight.first;

    while (record != NULL && (record->call.id != id || id <= 0))
        record = record->next;
    return record;
}

void weir__call_take_out(struct weir__map_worker *worker, struct weir__record *record,
                         int64_t now_ns)
{
    struct weir__map_worker_call *call = worker->call;

    if (record->call.turn_ns > 0)
        call->running--;
    if (call->waiting == record)
        call->waiting = record->next;
    weir__record_queue_take(&worker->inflight, record);
    if (give_turns(worker, now_ns) < 0)
        weir__call_no_memory(worker);
}

struct weir__gather *weir__gather_find(const struct weir__map_worker_call *call, int64_t id)
{
    struct weir__gather *gather = call->gathers;

    while (gather != NULL && gather->id != id)
        gather = gather->next;
    return gather;
}

struct weir__gather *weir__gather_add(struct weir__map_worker *worker, int64_t id)
{
    struct weir__map_worker_call *call = worker->call;
    struct weir__gather *gather = calloc(1, sizeof *gather);

    if (gather == NULL) {
        weir__call_no_memory(worker);
        return NULL;
    }
    gather->id = id;
    gather->receiver = (struct weir__receiver){.window = CREDIT, .granted = CREDIT};
    gather->next = call->gathers;
    call->gathers = gather;
    return gather;
}

void weir__gather_drop(struct weir__map_worker_call *call, struct weir__gather *gather)
{
    struct weir__gather **at = &call->gathers;

    if (gather == NULL)
        return;
    while (*at != gather)
        at = &(*at)->next;
    *at = gather->next;
    weir__buffer_clear(&gather->values);
    free(gather);
}

void weir__call_cancel(struct weir__map_worker *worker, int64_t id, int64_t now_ns)
{
    struct weir__map_worker_call *call = worker->call;
    struct weir__gather *gather = weir__gather_find(call, id);

    if (gather == NULL && (gather = weir__gather_add(worker, id)) == NULL)
        return;
    weir__buffer_clear(&gather->values);
    gather->cancelled_ns = now_ns;
    gather->receiver.is_closed = true;
    if (call->reader.dialect->cancel == NULL
        || call->reader.dialect->cancel(&call->scratch, id, "cancelled") < 0
        || weir__call_give(worker) < 0)
        weir__call_no_memory(worker);
}
