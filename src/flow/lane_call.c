#include "config.h"

#include "flow/lane_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "flow/map.h"
#include "rpc/credit.h"
#include "text/syntax.h"
#include "work/dialect.h"

enum {
    CREDIT = 64,              /* chunks of a call that may be under way */
    START_TIMEOUT_MS = 10000, /* where nobody said: a worker that is never ready is a mistake */
    LONGEST_NOISE = 200,
    LONGEST_MESSAGE = 2048, /* of an error, in a dead letter */
    LONGEST_DATA = 8192,
    METHOD_NOT_FOUND = -32601,
    STREAM_RULE = -33004,
};

/* The values of one call so far. */
struct gather {
    struct gather *next;
    int64_t id;
    int64_t cancelled_ns; /* 0: its record waits for it */
    struct weir__receiver receiver;
    struct weir__buffer values; /* each with its LF */
};

struct weir__lane_call {
    const struct weir__dialect *dialect;
    struct weir__greeting greeting;
    int is_ready;
    int is_stream;  /* the function has an output stream */
    size_t running; /* calls in flight that have their turn */
    int64_t last_id;
    struct weir__record *waiting; /* the first in flight that has not; NULL: all have */
    struct gather *gathers;       /* of calls that gave values, and of cancelled ones */
    struct weir__buffer scratch;
};

/* --- Records on their way out --------------------------------------------- */

static int give(struct weir__lane *lane)
{
    struct weir__buffer *scratch = &lane->call->scratch;
    int status = weir__worker_send(&lane->worker, scratch->bytes, scratch->length);

    scratch->length = 0;
    return status;
}

/* An array is parameters by position, an object by name, anything else the one. */
static int write_call(struct weir__lane *lane, struct weir__record *record)
{
    struct weir__lane_call *call = lane->call;
    struct weir__slice params = {record->bytes, record->length - 1};
    struct weir__call_terms terms = {.deadline_ms = -1, .credit = call->is_stream ? CREDIT : 0};
    struct weir__buffer *wrapped = &lane->map->call_scratch;
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
    record->call.sent_at = lane->worker.all_sent;
    if (call->dialect->call(&call->scratch, record->call.id, lane->map->options.call, params,
                            &terms)
        < 0)
        return WEIR_ERR_NOMEM;
    return give(lane);
}

/* One that speaks plain JSON-RPC gets a call when its turn comes; one of ours keeps
 * what it cannot do yet. */
static int gets_one_at_a_time(const struct weir__lane_call *call)
{
    return call->dialect->credit == NULL;
}

/* Each worker runs so many calls at a time: their time counts. */
static int give_turns(struct weir__lane *lane, int64_t now_ns)
{
    struct weir__lane_call *call = lane->call;

    while (call->is_ready && call->waiting != NULL && call->running < call->greeting.concurrency) {
        struct weir__record *record = call->waiting;

        if (gets_one_at_a_time(call) && write_call(lane, record) < 0)
            return WEIR_ERR_NOMEM;
        record->call.turn_ns = now_ns;
        call->running++;
        call->waiting = record->next;
    }
    return 0;
}

int weir__call_send(struct weir__lane *lane, struct weir__record *record)
{
    struct weir__lane_call *call = lane->call;

    record->call = (struct weir__call_mark){0};
    if (call->waiting == NULL)
        call->waiting = record;
    if (!call->is_ready)
        return 0;
    if (!gets_one_at_a_time(call) && write_call(lane, record) < 0)
        return WEIR_ERR_NOMEM;
    return give_turns(lane, weir__clock_ns());
}

static void no_memory(struct weir__lane *lane)
{
    struct weir_error error;

    weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory to call %s", lane->map->options.call);
    weir__map_fail(lane->map, &error);
}

/* --- Calls in flight -------------------------------------------------------- */

static struct weir__record *find_record(const struct weir__lane *lane, int64_t id)
{
    struct weir__record *record = lane->flight.first;

    while (record != NULL && (record->call.id != id || id <= 0))
        record = record->next;
    return record;
}

/* It is answered, or needs no answer any more; what waited has its turn. */
static void take_out(struct weir__lane *lane, struct weir__record *record, int64_t now_ns)
{
    struct weir__lane_call *call = lane->call;

    if (record->call.turn_ns > 0)
        call->running--;
    if (call->waiting == record)
        call->waiting = record->next;
    weir__queue_take(&lane->flight, record);
    lane->map->in_flight--;
    if (give_turns(lane, now_ns) < 0)
        no_memory(lane);
}

static struct gather *find_gather(const struct weir__lane_call *call, int64_t id)
{
    struct gather *gather = call->gathers;

    while (gather != NULL && gather->id != id)
        gather = gather->next;
    return gather;
}

static struct gather *add_gather(struct weir__lane *lane, int64_t id)
{
    struct weir__lane_call *call = lane->call;
    struct gather *gather = calloc(1, sizeof *gather);

    if (gather == NULL) {
        no_memory(lane);
        return NULL;
    }
    gather->id = id;
    gather->receiver = (struct weir__receiver){.window = CREDIT, .granted = CREDIT};
    gather->next = call->gathers;
    call->gathers = gather;
    return gather;
}

static void drop_gather(struct weir__lane_call *call, struct gather *gather)
{
    struct gather **at = &call->gathers;

    if (gather == NULL)
        return;
    while (*at != gather)
        at = &(*at)->next;
    *at = gather->next;
    weir__buffer_clear(&gather->values);
    free(gather);
}

/* --- What becomes of them --------------------------------------------------- */

/* The error as a dead letter has it: what is long in it is cut, or left out. */
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

/* A failure of this record alone, whoever else was in flight.  final: it would
 * fail again. */
static void fail_record(struct weir__lane *lane, struct weir__record *record, const char *reason,
                        struct weir__slice error, int final)
{
    struct weir_map *map = lane->map;
    struct weir__slice shown;

    map->report.errors++;
    record->attempts++;
    if (record->attempts <= map->options.retries && !final) {
        map->report.retries++;
        map->report.redelivered++;
        weir__queue_put(&map->suspects, record);
        return;
    }
    if (shorten(error, &map->call_scratch) < 0)
        no_memory(lane);
    shown = (struct weir__slice){map->call_scratch.bytes, map->call_scratch.length};
    weir__map_bury(map, record, reason, &lane->worker, &shown);
}

/* Ends a call whose record is dead: its answer is still to come. */
static void cancel(struct weir__lane *lane, int64_t id, int64_t now_ns)
{
    struct weir__lane_call *call = lane->call;
    struct gather *gather = find_gather(call, id);

    if (gather == NULL && (gather = add_gather(lane, id)) == NULL)
        return;
    weir__buffer_clear(&gather->values);
    gather->cancelled_ns = now_ns;
    gather->receiver.is_closed = true;
    if (call->dialect->cancel == NULL || call->dialect->cancel(&call->scratch, id) < 0
        || give(lane) < 0)
        no_memory(lane);
}

static void fail_with(struct weir__lane *lane, struct weir__record *record, const char *reason,
                      int64_t code, const char *message)
{
    struct weir__buffer error = {0};

    if (weir__write_error_value(&error, code, message, (struct weir__slice){NULL, 0}) < 0)
        no_memory(lane);
    fail_record(lane, record, reason, (struct weir__slice){error.bytes, error.length},
                strcmp(reason, "overflow") == 0);
    weir__buffer_clear(&error);
}

static void overflow(struct weir__lane *lane, struct weir__record *record)
{
    char message[100];

    snprintf(message, sizeof message, "what the call gives is longer than %zu bytes",
             lane->map->options.max_record);
    fail_with(lane, record, "overflow", STREAM_RULE, message);
}

/* Adds a value and its LF.  Returns 0 when they would be too long. */
static int add_value(struct weir__lane *lane, struct weir__buffer *values, struct weir__slice value)
{
    if (values->length + value.length > lane->map->options.max_record)
        return 0;
    if (weir__buffer_add(values, value.bytes, value.length, NULL) < 0
        || weir__buffer_add(values, "\n", 1, NULL) < 0)
        no_memory(lane);
    return 1;
}

static int is_null(struct weir__slice value)
{
    return weir__slice_type(value) == 'n';
}

static void answer(struct weir__lane *lane, struct weir__record *record, struct gather *gather,
                   struct weir__slice value, int64_t now_ns)
{
    struct weir__lane_call *call = lane->call;
    struct weir_map *map = lane->map;
    struct weir__buffer *values = gather != NULL ? &gather->values : &call->scratch;
    int64_t turn_ns = record->call.turn_ns;
    int fits = 1;

    take_out(lane, record, now_ns); /* what it writes is sent before scratch is used */
    if (!is_null(value) || (!call->is_stream && !map->options.drop_null))
        fits = add_value(lane, values, value);
    if (fits)
        weir__lane_note_reply(lane, values->length, turn_ns > 0 ? now_ns - turn_ns : 0);
    if (!fits)
        overflow(lane, record);
    else if (!call->is_stream && is_null(value) && map->options.drop_null)
        weir__map_settle(map, record, WEIR__DROPPED, NULL, 0);
    else
        weir__map_settle(map, record, WEIR__ANSWERED, values->bytes, values->length);
    call->scratch.length = 0;
    drop_gather(call, gather);
}

/* --- What it says ------------------------------------------------------------ */

static void chunk_came(struct weir__lane *lane, const struct weir__news *news, int64_t now_ns)
{
    struct weir__lane_call *call = lane->call;
    struct gather *gather = find_gather(call, news->id);
    struct weir__record *record = find_record(lane, news->id);
    int64_t n;

    if (record == NULL) /* late, or cancelled */
        return;
    if (gather == NULL && (gather = add_gather(lane, news->id)) == NULL)
        return;
    if (!call->is_stream || !weir__receiver_take(&gather->receiver)) {
        take_out(lane, record, now_ns);
        cancel(lane, news->id, now_ns);
        fail_with(lane, record, "error", STREAM_RULE,
                  call->is_stream ? "it sent more values than it had credit for"
                                  : "it sent values of a stream, and has declared none");
        return;
    }
    if (!(is_null(news->value) && lane->map->options.drop_null)
        && !add_value(lane, &gather->values, news->value)) {
        take_out(lane, record, now_ns);
        cancel(lane, news->id, now_ns);
        overflow(lane, record);
        return;
    }
    n = weir__receiver_consume(&gather->receiver);
    if (n > 0
        && (call->dialect->credit(&call->scratch, news->id, (uint64_t)n) < 0 || give(lane) < 0))
        no_memory(lane);
}

/* Names of its functions, as many as there is room for. */
static void list_methods(const struct weir__greeting *greeting, char *text, size_t size)
{
    size_t at = 0;
    const char *name;
    json_t *method;

    snprintf(text, size, "none");
    json_object_foreach(greeting->methods, name, method)
    {
        int length = snprintf(text + at, size - at, "%s%s", at > 0 ? ", " : "", name);

        if (length < 0 || (size_t)length >= size - at) {
            snprintf(text + (at < size - 6 ? at : size - 6), 6, ", ...");
            return;
        }
        at += (size_t)length;
    }
}

static void has_no_such_method(struct weir__lane *lane)
{
    const struct weir__greeting *greeting = &lane->call->greeting;
    const char *name = lane->map->options.call;
    char methods[300];

    list_methods(greeting, methods, sizeof methods);
    if (greeting->methods != NULL)
        weir__map_end(lane->map, 4, WEIR_WHY_NONE,
                      "the worker cannot run: it has no function \"%s\"; it has: %s", name,
                      methods);
    else
        weir__map_end(lane->map, 4, WEIR_WHY_NONE,
                      "the worker cannot run: it has no function \"%s\"", name);
}

/* Returns whether NAME is there, and is of a kind that records can be given to. */
static int can_call(struct weir__lane *lane)
{
    struct weir__lane_call *call = lane->call;
    const char *name = lane->map->options.call, *stream;
    const json_t *method;

    if (call->greeting.methods == NULL)
        return 1; /* nobody knows before it is tried */
    method = json_object_get(call->greeting.methods, name);
    if (method == NULL) {
        has_no_such_method(lane);
        return 0;
    }
    stream = json_string_value(json_object_get(method, "stream"));
    if (stream != NULL && strcmp(stream, "out") != 0) {
        weir__map_end(lane->map, 4, WEIR_WHY_NONE,
                      "the worker cannot run: its function \"%s\" takes a stream, and a record is "
                      "one value: name another function",
                      name);
        return 0;
    }
    call->is_stream = stream != NULL;
    return 1;
}

static void be_ready(struct weir__lane *lane, int64_t now_ns)
{
    struct weir__lane_call *call = lane->call;
    int failed = 0;

    call->dialect = call->greeting.dialect;
    call->last_id = call->greeting.last_id;
    if (!can_call(lane))
        return;
    call->is_ready = 1;
    lane->worker.far_pid = call->greeting.pid;
    lane->worker.far_node = call->greeting.node;
    lane->turn_since_ns = lane->moved_ns = now_ns;
    if (!gets_one_at_a_time(call))
        for (struct weir__record *record = lane->flight.first; record != NULL && !failed;
             record = record->next)
            failed = write_call(lane, record) < 0;
    if (failed || give_turns(lane, now_ns) < 0)
        no_memory(lane);
}

/* Returns 0 when the lane is of no more use. */
static int greeting_came(struct weir__lane *lane, const struct weir__news *news, int64_t now_ns)
{
    struct weir__lane_call *call = lane->call;
    char how[300];

    if (news->id < 1 || news->id > call->greeting.last_id)
        return 1;
    switch (call->dialect->greet(&call->greeting, news, &call->scratch)) {
    case WEIR__GREETED_READY:
        be_ready(lane, now_ns);
        return 1;
    case WEIR__GREETED_MORE:
        if (give(lane) < 0)
            no_memory(lane);
        return 1;
    default:
        snprintf(how, sizeof how, "it has not started: %s", call->greeting.reason);
        weir__lane_give_up_unheard(lane, how);
        return 0;
    }
}

/* An error that names no call: the worker could not read a line of ours.  With one
 * in flight it is that one's; else nobody knows whose.  Returns 0 when the lane is of
 * no more use. */
static int error_came(struct weir__lane *lane, const struct weir__news *news, int64_t now_ns)
{
    struct weir__lane_call *call = lane->call;
    struct weir__record *record = find_record(lane, news->id);

    if (record == NULL && news->id < 0 && lane->flight.count > 0) {
        if (lane->flight.count > 1) {
            weir__lane_desync(lane);
            return 0;
        }
        record = lane->flight.first;
    }
    if (record == NULL) {
        drop_gather(call, find_gather(call, news->id));
        return 1;
    }
    if (weir__error_code(news->value) == METHOD_NOT_FOUND) {
        has_no_such_method(lane);
        return 1;
    }
    drop_gather(call, find_gather(call, record->call.id));
    take_out(lane, record, now_ns);
    lane->map->has_answered = 1;
    lane->map->fruitless = lane->map->blameless = 0;
    fail_record(lane, record, "error", news->value, 0);
    return 1;
}

static int result_came(struct weir__lane *lane, const struct weir__news *news, int64_t now_ns)
{
    struct gather *gather = find_gather(lane->call, news->id);
    struct weir__record *record = find_record(lane, news->id);

    if (record != NULL)
        answer(lane, record, gather, news->value, now_ns);
    else
        drop_gather(lane->call, gather); /* cancelled; anything else is late */
    return 1;
}

static void noise_came(struct weir__lane *lane, const char *line, size_t length)
{
    lane->map->report.noise++;
    weir__context_tell(lane->map->life.weir,
                       (struct weir_event){
                           .kind = WEIR_EVENT_NOISE,
                           .stage = lane->map->stage,
                           .name = lane->map->name,
                           .pid = lane->worker.result.pid,
                           .text = line,
                           .length = length < LONGEST_NOISE ? length : LONGEST_NOISE,
                       });
}

static void log_came(struct weir__lane *lane, const struct weir__news *news)
{
    size_t length;
    char *text = weir__slice_string(news->value, &length);
    char *level = weir__slice_string(news->level, NULL);

    if (text != NULL)
        weir__context_tell(lane->map->life.weir, (struct weir_event){
                                                .kind = WEIR_EVENT_LOG,
                                                .stage = lane->map->stage,
                                                .name = level != NULL ? level : "info",
                                                .pid = lane->worker.result.pid,
                                                .text = text,
                                                .length = length,
                                            });
    free(text);
    free(level);
}

/* Answers in an array stand for themselves; all of them must be messages. */
static int hear_many(struct weir__lane *lane, struct weir__slice rest, int64_t now_ns)
{
    struct weir__slice element;
    int count = 0, useful = 1;

    while (useful && weir__message_next(&rest, &element)) {
        count++;
        if (weir__slice_type(element) == 'o')
            useful = weir__call_hear(lane, element.bytes, element.length, now_ns);
        else
            count = -1;
        if (count < 0)
            break;
    }
    if (useful && count <= 0) {
        weir__lane_desync(lane);
        return 0;
    }
    return useful;
}

int weir__call_hear(struct weir__lane *lane, const char *line, size_t length, int64_t now_ns)
{
    struct weir__lane_call *call = lane->call;
    struct weir__news news;

    call->dialect->decode(line, length, &news);
    switch (news.kind) {
    case WEIR__NEWS_NOISE:
        noise_came(lane, line, length);
        return 1;
    case WEIR__NEWS_LOG:
        log_came(lane, &news);
        return 1;
    case WEIR__NEWS_MANY:
        return hear_many(lane, news.value, now_ns);
    case WEIR__NEWS_BROKEN:
        weir__lane_desync(lane);
        return 0;
    case WEIR__NEWS_RESULT:
        return call->is_ready ? result_came(lane, &news, now_ns)
                              : greeting_came(lane, &news, now_ns);
    case WEIR__NEWS_ERROR:
        return call->is_ready ? error_came(lane, &news, now_ns)
                              : greeting_came(lane, &news, now_ns);
    case WEIR__NEWS_CHUNK:
        if (call->is_ready)
            chunk_came(lane, &news, now_ns);
        return 1;
    default:
        return 1;
    }
}

/* --- Its life ---------------------------------------------------------------- */

int weir__call_greet(struct weir__lane *lane)
{
    struct weir__lane_call *call = lane->call = calloc(1, sizeof *call);

    if (call == NULL)
        return weir__fail(&lane->map->life.error, WEIR_ERR_NOMEM, 0, "no memory for a worker");
    call->greeting = (struct weir__greeting){
        .dialect = &weir__dialect_native,
        .may_be_plain = 1,
        .concurrency = 1,
    };
    call->dialect = call->greeting.dialect;
    if (call->dialect->greet(&call->greeting, NULL, &call->scratch) == WEIR__GREETED_FAILED
        || give(lane) < 0)
        return weir__fail(&lane->map->life.error, WEIR_ERR_NOMEM, 0, "no memory for a worker");
    return 0;
}

static const struct gather *longest_cancelled(const struct weir__lane_call *call)
{
    const struct gather *longest = NULL;

    for (const struct gather *gather = call->gathers; gather != NULL; gather = gather->next)
        if (gather->cancelled_ns > 0
            && (longest == NULL || gather->cancelled_ns < longest->cancelled_ns))
            longest = gather;
    return longest;
}

int weir__call_tick(struct weir__lane *lane, int64_t now_ns)
{
    const struct weir_map_options *options = &lane->map->options;
    int64_t start_ms =
        options->start_timeout_ms != WEIR_FOREVER ? options->start_timeout_ms : START_TIMEOUT_MS;
    const struct gather *cancelled;

    if (!lane->call->is_ready) {
        if (now_ns - lane->started_ns < start_ms * 1000000)
            return 0;
        lane->map->report.timeouts++;
        weir__lane_give_up_unheard(lane, "it did not answer weir/hello in time");
        return 0;
    }
    cancelled = longest_cancelled(lane->call);
    if (cancelled == NULL || now_ns - cancelled->cancelled_ns < options->grace_ms * 1000000)
        return 1;
    weir__lane_retire(lane);
    return 0;
}

int64_t weir__call_turn_ns(const struct weir__lane *lane)
{
    const struct weir__record *first = lane->flight.first;

    return first != NULL && first->call.turn_ns > 0 ? first->call.turn_ns : lane->turn_since_ns;
}

size_t weir__call_window(const struct weir__lane *lane, size_t window)
{
    const struct weir__lane_call *call = lane->call;

    if (!call->is_ready || !lane->map->has_answered)
        return window; /* who has killed a worker is found out with few in flight */
    if (gets_one_at_a_time(call))
        return 1;
    if (window < call->greeting.concurrency)
        window = call->greeting.concurrency;
    return window < lane->map->options.window ? window : lane->map->options.window;
}

/* Calls are read in the order they were written in. */
int weir__call_never_had_them(const struct weir__lane *lane)
{
    const struct weir__worker *worker = &lane->worker;
    const struct weir__record *first = lane->flight.first;

    if (!lane->call->is_ready)
        return 1;
    return first != NULL && worker->all_sent - worker->left_unread <= first->call.sent_at;
}

int weir__call_is_busy(const struct weir__lane *lane)
{
    return lane->flight.count > 0 || longest_cancelled(lane->call) != NULL;
}

void weir__call_forget(struct weir__lane *lane)
{
    while (lane->call->gathers != NULL)
        drop_gather(lane->call, lane->call->gathers);
    lane->call->waiting = NULL;
    lane->call->running = 0;
}

void weir__call_free(struct weir__lane *lane)
{
    if (lane->call == NULL)
        return;
    weir__call_forget(lane);
    weir__greeting_clear(&lane->call->greeting);
    weir__buffer_clear(&lane->call->scratch);
    free(lane->call);
    lane->call = NULL;
}

const char *weir__call_node(const struct weir__lane *lane)
{
    return lane->call != NULL ? lane->call->greeting.node : NULL;
}
