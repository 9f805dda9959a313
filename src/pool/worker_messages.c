#include "config.h"

#include "pool/worker_messages.h"

#include <stdlib.h>

#include "pool/call_answer.h"
#include "pool/call_stream.h"
#include "pool/errand.h"
#include "pool/pool_worker.h"
#include "pool/worker_calls.h"

static void break_protocol(void *owner, const char *line, size_t length, const char *reason)
{
    struct weir__pool_worker *worker = owner;

    weir__pool_worker_break(worker, "printed a line that is not a message (%s): %.*s", reason,
                            (int)(length < 80 ? length : 80), line);
}

static void be_ready(struct weir__pool_worker *worker)
{
    const struct weir_pool_options *options = &weir__pool_of(worker)->options;

    worker->last_id = worker->handshake.last_id;
    worker->window = weir__pool_worker_window(worker);
    worker->state = WEIR__POOL_WORKER_READY;
    weir__timer_heap_clear(&weir__pool_of(worker)->timers, &worker->timer);
    if (options->recycle_age_ms != WEIR_FOREVER)
        weir__pool_worker_alarm(worker, options->recycle_age_ms);
    if (weir__errands_begin(worker) < 0) {
        weir__pool_worker_break(worker, "could not be asked for its functions: no memory");
        return;
    }
    weir__pool_of(worker)->worker_ops->on_ready(worker);
}

void weir__pool_worker_greet_on(struct weir__pool_worker *worker, enum weir__handshake_step step)
{
    switch (step) {
    case WEIR__HANDSHAKE_READY:
        if (weir__pool_of(worker)->scratch.length > 0)
            weir__pool_worker_give(worker); /* the last words of the handshake */
        be_ready(worker);
        break;
    case WEIR__HANDSHAKE_MORE:
        weir__pool_worker_give(worker);
        break;
    case WEIR__HANDSHAKE_UNRELATED:
        weir__pool_of(worker)->late++;
        break;
    case WEIR__HANDSHAKE_FAILED:
        weir__pool_worker_break(worker, "%s", worker->handshake.reason);
        break;
    }
}

static void take_message(struct weir__pool_worker *worker, const struct weir__incoming *message)
{
    struct weir_call *call = weir__pool_worker_find(worker, message->id);

    switch (message->kind) {
    case WEIR__INCOMING_RESULT:
    case WEIR__INCOMING_ERROR:
        if (call == NULL) {
            if (!weir__errand_answer(worker, message))
                weir__pool_of(worker)->late++;
            return;
        }
        weir__call_answer(call, message);
        weir__pool_worker_answered(worker, 1);
        break;
    case WEIR__INCOMING_CHUNK:
        if (call != NULL)
            weir__call_value(call, message->value);
        break;
    case WEIR__INCOMING_CREDIT:
        if (call != NULL)
            weir__call_credit(call, message->n);
        break;
    case WEIR__INCOMING_PROGRESS:
        if (call != NULL)
            weir__call_progress(call, message);
        break;
    case WEIR__INCOMING_CHANGED:
        weir__errand_list(worker);
        break;
    default:
        break;
    }
}

/* What a worker asks must not fill weir's memory with answers that it does not read. */
static void answer_request(struct weir__pool_worker *worker, const struct weir__incoming *request)
{
    struct weir_pool *pool = weir__pool_of(worker);

    if (weir__pool_worker_is_behind(worker))
        weir__pool_worker_break(worker, "asks without reading the answers");
    else if (worker->reader.dialect->refuse(&pool->scratch, request->value, request->level) == 0)
        weir__pool_worker_give(worker);
}

/* An error of no call's, or in place of hello, is about the connection. */
static int is_refusal(const struct weir__pool_worker *worker, const struct weir__incoming *message)
{
    return weir__pool_of(worker)->is_client && message->kind == WEIR__INCOMING_ERROR
           && (message->id <= 0 || worker->state == WEIR__POOL_WORKER_STARTING);
}

static void take_refusal(struct weir__pool_worker *worker, struct weir__slice error)
{
    static const char *const names[] = {"message"};
    struct weir__slice message;
    char *text;

    weir__object_get(error, names, &message, 1);
    text = weir__slice_string(message, NULL);
    weir__pool_worker_break(worker, "refused: %s", text != NULL ? text : "no reason given");
    free(text);
}

static int on_message(void *owner, const struct weir__incoming *message)
{
    struct weir__pool_worker *worker = owner;

    if (message->kind == WEIR__INCOMING_REQUEST)
        answer_request(worker, message);
    else if (is_refusal(worker, message))
        take_refusal(worker, message->value);
    else if (worker->state != WEIR__POOL_WORKER_STARTING)
        take_message(worker, message);
    else
        weir__pool_worker_greet_on(worker, weir__handshake_take(&worker->handshake, message,
                                                                &weir__pool_of(worker)->scratch));
    return weir__pool_worker_listens(worker);
}

void weir__pool_worker_read(struct weir__pool_worker *worker, const char *bytes, size_t length)
{
    const char *end = bytes + length, *line;
    ssize_t got = 0;

    worker->reader.pid = weir__pool_worker_pid(worker);
    while (weir__pool_worker_listens(worker)
           && (got = weir__line_splitter_next(&worker->lines, &bytes, end, &line)) > 0)
        weir__message_reader_take(&worker->reader, line, (size_t)got - 1);
    if (got == WEIR_ERR_NOMEM)
        weir__pool_worker_break(worker, "printed a line that did not fit into memory");
    else if (got < 0)
        weir__pool_worker_break(worker, "printed a line of more than %zu bytes",
                                weir__pool_of(worker)->options.max_line);
}

void weir__pool_worker_greet(struct weir__pool_worker *worker)
{
    struct weir__worker_group *group = worker->group;
    struct weir_pool *pool = group->pool;

    worker->lines.longest = pool->options.max_line + 2; /* CR LF */
    worker->reader = (struct weir__message_reader){
        .weir = pool->weir,
        .stage = (int)group->number,
        .name = group->command.argv[0],
        .noise = &pool->noise,
        .owner = worker,
        .on_message = on_message,
        .on_broken = break_protocol,
    };
    if (group->kind.start_timeout_ms != WEIR_FOREVER)
        weir__pool_worker_alarm(worker, group->kind.start_timeout_ms);
    weir__pool_worker_greet_on(
        worker,
        weir__handshake_begin(&worker->handshake, group->kind.dialect, pool->options.schemas,
                              group->mcp_start, &worker->reader, &worker->child, &pool->scratch));
    if (worker->handshake.quiet_ms > 0 && worker->handshake.quiet_ms < group->kind.start_timeout_ms)
        weir__pool_worker_alarm(worker, worker->handshake.quiet_ms);
}
