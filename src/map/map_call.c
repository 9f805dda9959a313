/* A worker that is called: handshake, messages and scheduling. */
#include "config.h"

#include "map/map_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map/map.h"
#include "rpc/mcp.h"

enum {
    ENVELOPE = 64 * 1024, /* room in a line for the text around a value */
    MOST_OWED = 1 << 20,  /* bytes of answers that the worker does not read */
    INVALID_PARAMS = -32602,
    START_TIMEOUT_MS = 10000, /* the default: a worker that never gets ready is a mistake */
};

/* --- The handshake ------------------------------------------------------------ */

/* Whether the function exists and accepts records. */
static int can_call(struct weir__map_worker *worker)
{
    struct weir__map_worker_call *call = worker->call;
    const char *name = worker->map->options.call, *stream;
    const json_t *method;

    if (call->handshake.methods == NULL)
        return 1; /* unknown before it is tried */
    if (weir__mcp_request(name) != 0 && call->handshake.capabilities & weir__mcp_request(name))
        return 1;
    method = json_object_get(call->handshake.methods, name);
    if (method == NULL) {
        weir__call_no_such_method(worker);
        return 0;
    }
    stream = json_string_value(json_object_get(method, "stream"));
    if (stream != NULL && strcmp(stream, "out") != 0) {
        weir__map_end(worker->map, 4, WEIR_STOP_NONE,
                      "the worker cannot run: its function \"%s\" takes a stream, and a record is "
                      "one value: name another function",
                      name);
        return 0;
    }
    call->is_stream = stream != NULL;
    return 1;
}

/* Whether an MCP server says that the calls change nothing: then several may run. */
static int is_read_only(const struct weir__map_worker *worker)
{
    const char *name = worker->map->options.call;
    const json_t *method = json_object_get(worker->call->handshake.methods, name);

    return method == NULL || json_is_true(json_object_get(method, "read_only"));
}

static void mark_ready(struct weir__map_worker *worker, int64_t now_ns)
{
    struct weir__map_worker_call *call = worker->call;

    call->is_plain = call->reader.dialect->credit == NULL;
    call->last_id = call->handshake.last_id;
    if (call->reader.dialect->is_named)
        worker->map->workers.mcp_start = call->handshake.start;
    if (!can_call(worker))
        return;
    if (call->reader.dialect->is_named && !is_read_only(worker))
        call->handshake.concurrency = 1;
    if (call->handshake.concurrency > worker->map->options.window)
        call->handshake.concurrency = (unsigned)worker->map->options.window;
    call->is_ready = 1;
    worker->turn_since_ns = worker->moved_ns = now_ns;
    if (weir__call_send_all(worker, now_ns) < 0)
        weir__call_no_memory(worker);
}

static void fail_handshake(struct weir__map_worker *worker)
{
    char how[300];

    snprintf(how, sizeof how, "it %s", worker->call->handshake.reason);
    weir__map_worker_give_up_blameless(worker, how);
}

/* Returns 0 if the worker is no longer usable. */
static int shake_hands(struct weir__map_worker *worker, const struct weir__incoming *answer)
{
    struct weir__map_worker_call *call = worker->call;

    switch (weir__handshake_take(&call->handshake, answer, &call->scratch)) {
    case WEIR__HANDSHAKE_READY:
        mark_ready(worker, call->now_ns);
        return 1;
    case WEIR__HANDSHAKE_MORE:
        if (weir__call_give(worker) < 0)
            weir__call_no_memory(worker);
        return 1;
    case WEIR__HANDSHAKE_UNRELATED:
        return 1;
    case WEIR__HANDSHAKE_FAILED:
        break;
    }
    fail_handshake(worker);
    return 0;
}

/* --- What it says ------------------------------------------------------------ */

/* Returns 0 if the worker is no longer usable. */
static int refuse(struct weir__map_worker *worker, const struct weir__incoming *request)
{
    struct weir__map_worker_call *call = worker->call;

    if (weir__worker_unsent(&worker->process) >= MOST_OWED) {
        weir__map_worker_give_up(worker, "desync", "it asks without reading the answers");
        return 0;
    }
    if (call->reader.dialect->refuse(&call->scratch, request->value, request->level) < 0
        || weir__call_give(worker) < 0)
        weir__call_no_memory(worker);
    return 1;
}

/* The result of an MCP server may be a failure. */
static int take_result(struct weir__map_worker *worker, const struct weir__incoming *message)
{
    struct weir__map_worker_call *call = worker->call;
    struct weir__incoming settled = *message;
    struct weir__buffer scratch = {0};
    int is_useful, status = call->reader.dialect->settle(&settled, 0, &scratch);

    if (status == 0 && settled.kind == WEIR__INCOMING_REPEAT) {
        settled.kind = WEIR__INCOMING_ERROR;
        status = weir__write_error_value(&scratch, INVALID_PARAMS,
                                         "the tool asks to be repeated, which a map does not do",
                                         (struct weir__slice){NULL, 0});
        settled.value = (struct weir__slice){scratch.bytes, scratch.length};
    }
    if (status < 0)
        weir__call_no_memory(worker);
    is_useful = settled.kind == WEIR__INCOMING_ERROR
                    ? weir__call_error_came(worker, &settled, call->now_ns)
                    : weir__call_result_came(worker, &settled, call->now_ns);
    weir__buffer_clear(&scratch);
    return is_useful;
}

static int take_message(void *owner, const struct weir__incoming *message)
{
    struct weir__map_worker *worker = owner;
    struct weir__map_worker_call *call = worker->call;

    if (message->kind == WEIR__INCOMING_REQUEST)
        return refuse(worker, message);
    if (!call->is_ready)
        return shake_hands(worker, message);
    switch (message->kind) {
    case WEIR__INCOMING_RESULT:
        if (call->reader.dialect->settle != NULL)
            return take_result(worker, message);
        return weir__call_result_came(worker, message, call->now_ns);
    case WEIR__INCOMING_ERROR:
        return weir__call_error_came(worker, message, call->now_ns);
    case WEIR__INCOMING_CHUNK:
        return weir__call_chunk_came(worker, message, call->now_ns);
    default:
        return 1;
    }
}

static void line_is_broken(void *owner, const char *line, size_t length, const char *reason)
{
    (void)line;
    (void)length;
    (void)reason;
    weir__map_worker_desync(owner);
}

static int take_line(struct weir__map_worker *worker, const char *line, size_t length,
                     int64_t now_ns)
{
    struct weir__map_worker_call *call = worker->call;

    call->now_ns = now_ns;
    call->reader.pid = worker->process.result.pid;
    return weir__message_reader_take(&call->reader, line, length - 1);
}

static int begin(struct weir__map_worker *worker)
{
    struct weir_map *map = worker->map;
    struct weir__map_worker_call *call = worker->call = calloc(1, sizeof *call);

    if (call == NULL)
        return WEIR_ERR_NOMEM;
    call->reader = (struct weir__message_reader){
        .weir = map->operation.weir,
        .stage = map->label.stage,
        .name = map->label.name,
        .noise = &map->report.noise,
        .owner = worker,
        .on_message = take_message,
        .on_broken = line_is_broken,
    };
    if (weir__handshake_begin(&call->handshake, (enum weir_dialect)map->options.dialect, 0,
                              map->workers.mcp_start, &call->reader, &worker->process,
                              &call->scratch)
        == WEIR__HANDSHAKE_FAILED)
        return WEIR_ERR_NOMEM;
    return weir__call_give(worker);
}

/* --- Its clock --------------------------------------------------------------- */

static const struct weir__gather *longest_cancelled(const struct weir__map_worker_call *call)
{
    const struct weir__gather *longest = NULL;

    for (const struct weir__gather *gather = call->gathers; gather != NULL; gather = gather->next)
        if (gather->cancelled_ns > 0
            && (longest == NULL || gather->cancelled_ns < longest->cancelled_ns))
            longest = gather;
    return longest;
}

static int tick(struct weir__map_worker *worker, int64_t now_ns)
{
    const struct weir_map_options *options = &worker->map->options;
    int64_t start_ms =
        options->start_timeout_ms != WEIR_FOREVER ? options->start_timeout_ms : START_TIMEOUT_MS;
    const struct weir__gather *cancelled;

    if (!worker->call->is_ready) {
        int64_t quiet_ms = worker->call->handshake.quiet_ms;

        if (quiet_ms > 0 && now_ns - worker->started_ns >= quiet_ms * 1000000
            && (weir__handshake_quiet(&worker->call->handshake, &worker->call->scratch)
                    == WEIR__HANDSHAKE_FAILED
                || weir__call_give(worker) < 0))
            weir__call_no_memory(worker);
        if (now_ns - worker->started_ns < start_ms * 1000000)
            return 0;
        worker->map->report.timeouts++;
        weir__handshake_time_out(&worker->call->handshake, start_ms);
        fail_handshake(worker);
        return 0;
    }
    cancelled = longest_cancelled(worker->call);
    if (cancelled == NULL || now_ns - cancelled->cancelled_ns < options->grace_ms * 1000000)
        return 1;
    weir__map_worker_retire(worker);
    return 0;
}

static int64_t turn_ns(const struct weir__map_worker *worker)
{
    const struct weir__record *first = worker->inflight.first;

    return first != NULL && first->call.turn_ns > 0 ? first->call.turn_ns : worker->turn_since_ns;
}

/* --- What the worker asks ------------------------------------------------------ */

static size_t window(const struct weir__map_worker *worker)
{
    const struct weir__map_worker_call *call = worker->call;
    size_t records = worker->window.records;

    if (!call->is_ready || !worker->map->workers.has_answered)
        return records; /* few in flight make it easy to find the record that kills workers */
    if (call->is_plain)
        return call->handshake.concurrency;
    if (records < call->handshake.concurrency)
        records = call->handshake.concurrency;
    return records < worker->map->options.window ? records : worker->map->options.window;
}

/* Calls are read in the order in which they were written. */
static int never_had_them(const struct weir__map_worker *worker)
{
    const struct weir__worker *process = &worker->process;
    const struct weir__record *first = worker->inflight.first;

    if (!worker->call->is_ready)
        return 1;
    return first != NULL && process->all_sent - process->left_unread <= first->call.sent_at;
}

/* An MCP server of the old kind may have ended because of the first request. */
static int starts_over(struct weir__map_worker *worker)
{
    if (!weir__handshake_greets_again(&worker->call->handshake))
        return 0;
    worker->map->workers.mcp_start = WEIR__MCP_START_LEGACY;
    return 1;
}

static int has_begun(const struct weir__map_worker *worker)
{
    return worker->call->is_ready;
}

static int is_busy(const struct weir__map_worker *worker)
{
    return worker->inflight.count > 0 || longest_cancelled(worker->call) != NULL;
}

static void forget(struct weir__map_worker *worker)
{
    while (worker->call->gathers != NULL)
        weir__gather_drop(worker->call, worker->call->gathers);
    worker->call->waiting = NULL;
    worker->call->running = 0;
}

static void free_call(struct weir__map_worker *worker)
{
    if (worker->call == NULL)
        return;
    forget(worker);
    weir__handshake_clear(&worker->call->handshake);
    weir__buffer_clear(&worker->call->scratch);
    free(worker->call);
    worker->call = NULL;
}

const struct weir__protocol weir__protocol_calls = {
    .around = ENVELOPE,
    .begin = begin,
    .send = weir__call_send,
    .take_line = take_line,
    .tick = tick,
    .turn_ns = turn_ns,
    .window = window,
    .never_had_them = never_had_them,
    .has_begun = has_begun,
    .starts_over = starts_over,
    .is_busy = is_busy,
    .forget = forget,
    .free = free_call,
};
