#include "config.h"

#include "base/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef WEIR_LINUX
#include <sys/random.h>
#endif

#include "base/clock.h"
#include "base/error.h"
#include "base/signal_names.h"
#include "base/trace_file.h"

enum {
    MOST_OPEN = 4096, /* processes that run at once; more are counted */
    NAME_SIZE = 200,
};

/* A process that runs. */
struct open_span {
    struct open_span *next;
    int64_t job, start_ns;
    size_t stage;
    unsigned track;
    uint64_t id;
    struct weir__span_events events;
    char program[NAME_SIZE];
};

struct weir__trace_call {
    struct weir__trace_id trace;
    uint64_t parent, span, function;
    int64_t sent_ns, stands_for;
    pid_t pid;
    int is_client;
    char context[WEIR__TRACEPARENT_SIZE];
};

struct weir__trace {
    struct weir__trace_file file;
    struct weir__span_context root;
    struct weir__span_events events; /* of the root span */
    char *name;
    int64_t start_ns;
    uint64_t random; /* state of the next id */
    struct open_span *open;
    unsigned open_count;
    unsigned char tracks[MOST_OPEN / 8]; /* bits: in use; row 0 is the root's */
    unsigned tracks_named;

    struct weir__trace_sampler sampler; /* of calls and records */
    uint64_t no_memory, processes_left_out;
};

/* --- Identifiers ------------------------------------------------------------ */

/* SplitMix64: ids have to differ, not to be secret. */
static uint64_t next_id(struct weir__trace *trace)
{
    uint64_t mixed = trace->random += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    mixed ^= mixed >> 31;
    return mixed != 0 ? mixed : 1;
}

static void seed(struct weir__trace *trace)
{
    trace->random = (uint64_t)weir__clock_wall_ns() ^ (uint64_t)getpid() << 32;
#ifdef WEIR_LINUX
    (void)!getrandom(&trace->random, sizeof trace->random, GRND_NONBLOCK);
#endif
}

static int hex_digits(const char *text, size_t count, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < count; i++) {
        const char *digits = "0123456789abcdef",
                   *at = text[i] != '\0' ? strchr(digits, text[i]) : NULL;

        if (at == NULL)
            return 0;
        *value = *value << 4 | (uint64_t)(at - digits);
    }
    return 1;
}

/* Reads a traceparent.  Returns 0 if it is malformed. */
static int read_context(const char *text, struct weir__trace_id *trace, uint64_t *span,
                        int *is_sampled)
{
    uint64_t version, flags;

    if (text == NULL || strlen(text) < WEIR__TRACEPARENT_SIZE - 1 || text[2] != '-'
        || text[35] != '-' || text[52] != '-' || !hex_digits(text, 2, &version) || version == 0xff
        || (text[55] != '\0' && (version == 0 || text[55] != '-'))
        || !hex_digits(text + 3, 16, &trace->high) || !hex_digits(text + 19, 16, &trace->low)
        || !hex_digits(text + 36, 16, span) || !hex_digits(text + 53, 2, &flags))
        return 0;
    *is_sampled = (int)(flags & 1);
    return (trace->high | trace->low) != 0 && *span != 0;
}

static void write_context(char text[WEIR__TRACEPARENT_SIZE], const struct weir__trace_id *trace,
                          uint64_t span)
{
    snprintf(text, WEIR__TRACEPARENT_SIZE, "00-%016llx%016llx-%016llx-01",
             (unsigned long long)trace->high, (unsigned long long)trace->low,
             (unsigned long long)span);
}

void weir__trace_context(const struct weir__trace *trace, char text[WEIR__TRACEPARENT_SIZE])
{
    write_context(text, &trace->root.trace, trace->root.span);
}

/* --- The whole ---------------------------------------------------------------- */

static void free_trace(struct weir__trace *trace)
{
    struct open_span *open;

    while ((open = trace->open) != NULL) {
        trace->open = open->next;
        weir__json_discard(&open->events.list);
        free(open);
    }
    weir__json_discard(&trace->events.list);
    free(trace->name);
    free(trace);
}

struct weir__trace *weir__trace_open(const struct weir__trace_options *options,
                                     struct weir_error *error)
{
    struct weir__trace *trace = calloc(1, sizeof *trace);
    int is_sampled;

    if (trace != NULL)
        trace->name = strdup(options->name);
    if (trace == NULL || trace->name == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a trace");
    } else if (weir__trace_file_open(&trace->file, options, error) == 0) {
        seed(trace);
        if (!read_context(options->parent, &trace->root.trace, &trace->root.parent, &is_sampled)) {
            trace->root.trace = (struct weir__trace_id){next_id(trace), next_id(trace)};
            trace->root.parent = 0;
        }
        trace->root.span = next_id(trace);
        trace->start_ns = weir__clock_ns();
        trace->tracks[0] = 1;
        weir__trace_file_track(&trace->file, 0, trace->name);
        return trace;
    }
    if (trace != NULL)
        free_trace(trace);
    return NULL;
}

static struct weir__attribute count_of(const char *key, uint64_t count)
{
    return (struct weir__attribute){.key = count > 0 ? key : NULL, .number = (int64_t)count};
}

int weir__trace_close(struct weir__trace *trace, int status, const char *detail,
                      struct weir_error *error)
{
    struct weir__attribute attributes[] = {
        {.key = "process.exit.code", .number = status},
        count_of("weir.spans_left_out", 0),
        count_of("weir.calls_left_out", trace->no_memory + weir__sampler_passed(&trace->sampler)),
        count_of("weir.processes_left_out", trace->processes_left_out),
    };
    struct weir__span root = {
        .context = trace->root,
        .name = trace->name,
        .category = "command",
        .kind = WEIR__SPAN_INTERNAL,
        .start_ns = trace->start_ns,
        .end_ns = weir__clock_ns(),
        .has_failed = status != 0,
        .message = detail,
        .attributes = attributes,
        .attribute_count = sizeof attributes / sizeof attributes[0],
        .events = &trace->events,
    };
    int failed;

    while (trace->open != NULL)
        weir__trace_job_over(trace, trace->open->job);
    attributes[1] = count_of("weir.spans_left_out", trace->file.dropped);
    failed = weir__trace_file_close(&trace->file, &root);
    free_trace(trace);
    return failed == 0 ? 0
                       : weir__fail(error, WEIR_ERR_SYSTEM, failed, "the trace is not complete");
}

/* --- Processes ----------------------------------------------------------------- */

/* The lowest row that is free, so that there are as many rows as processes at once. */
static unsigned take_track(struct weir__trace *trace, const char *program)
{
    unsigned track = 0;

    while (trace->tracks[track / 8] & 1 << track % 8)
        track++;
    trace->tracks[track / 8] |= (unsigned char)(1 << track % 8);
    if (track > trace->tracks_named) {
        weir__trace_file_track(&trace->file, track, program);
        trace->tracks_named = track;
    }
    return track;
}

void weir__trace_process(struct weir__trace *trace, int64_t job, size_t stage, const char *program)
{
    const char *slash = strrchr(program, '/');
    struct open_span *open = trace->open_count < MOST_OPEN - 1 ? calloc(1, sizeof *open) : NULL;

    if (open == NULL) {
        trace->processes_left_out++;
        return;
    }
    snprintf(open->program, sizeof open->program, "%s",
             slash != NULL && slash[1] != '\0' ? slash + 1 : program);
    open->job = job;
    open->stage = stage;
    open->start_ns = weir__clock_ns();
    open->id = next_id(trace);
    open->track = take_track(trace, open->program);
    open->next = trace->open;
    trace->open = open;
    trace->open_count++;
}

static struct open_span *find_open(const struct weir__trace *trace, int64_t job, size_t stage)
{
    struct open_span *open = trace->open;

    while (open != NULL && (open->job != job || open->stage != stage))
        open = open->next;
    return open;
}

static void close_process(struct weir__trace *trace, struct open_span *open,
                          const struct weir__trace_exit *how, const char *message)
{
    const char *signal = how->signal != 0 ? weir__signal_name(how->signal) : NULL;
    struct weir__attribute attributes[] = {
        {.key = "process.executable.name", .text = open->program},
        {.key = how->pid > 0 ? "process.pid" : NULL, .number = how->pid},
        {.key = how->pid > 0 && signal == NULL ? "process.exit.code" : NULL, .number = how->code},
        {.key = signal != NULL ? "process.exit.signal" : NULL, .text = signal},
        {.key = how->pid > 0 ? "process.cpu.user_us" : NULL, .number = how->user_us},
        {.key = how->pid > 0 ? "process.cpu.system_us" : NULL, .number = how->system_us},
        {.key = how->pid > 0 ? "process.max_rss_kb" : NULL, .number = how->max_rss_kb},
    };
    struct weir__span span = {
        .context = {trace->root.trace, open->id, trace->root.span},
        .name = open->program,
        .category = "process",
        .kind = WEIR__SPAN_INTERNAL,
        .start_ns = open->start_ns,
        .end_ns = how->at_ns > open->start_ns ? how->at_ns : weir__clock_ns(),
        .track = open->track,
        .has_failed = message != NULL || signal != NULL || how->code != 0,
        .message = message,
        .attributes = attributes,
        .attribute_count = sizeof attributes / sizeof attributes[0],
        .events = &open->events,
    };
    struct open_span **at = &trace->open;

    weir__trace_file_span(&trace->file, &span);
    while (*at != open)
        at = &(*at)->next;
    *at = open->next;
    trace->open_count--;
    trace->tracks[open->track / 8] &= (unsigned char)~(1 << open->track % 8);
    weir__json_discard(&open->events.list);
    free(open);
}

void weir__trace_exited(struct weir__trace *trace, int64_t job, size_t stage,
                        const struct weir__trace_exit *how)
{
    struct open_span *open = find_open(trace, job, stage);

    if (open != NULL)
        close_process(trace, open, how, NULL);
}

void weir__trace_not_started(struct weir__trace *trace, int64_t job, size_t stage, const char *why)
{
    struct open_span *open = find_open(trace, job, stage);
    struct weir__trace_exit none = {0};

    if (open != NULL)
        close_process(trace, open, &none, why);
}

void weir__trace_job_over(struct weir__trace *trace, int64_t job)
{
    struct weir__trace_exit none = {0};
    struct open_span *open = trace->open, *next;

    for (; open != NULL; open = next) {
        next = open->next;
        if (open->job == job)
            close_process(trace, open, &none, "its status is unknown");
    }
}

/* --- Events ------------------------------------------------------------------ */

void weir__trace_signal(struct weir__trace *trace, int64_t job, int signal)
{
    const char *name = weir__signal_name(signal);
    struct open_span *open = trace->open;

    while (open != NULL && open->job != job)
        open = open->next;
    weir__trace_file_event(&trace->file, open != NULL ? &open->events : &trace->events,
                           open != NULL ? open->track : 0, weir__clock_ns(), "signal_sent", name,
                           strlen(name));
}

/* Processes and their signals are traced where they are started; stderr is left out. */
static int is_told(enum weir_event_kind kind)
{
    switch (kind) {
    case WEIR_EVENT_PAUSED:
    case WEIR_EVENT_TIMEOUT:
    case WEIR_EVENT_RECORD_FAILED:
    case WEIR_EVENT_WORKER_READY:
    case WEIR_EVENT_WORKER_RESTART:
    case WEIR_EVENT_SPAWNER_LOST:
    case WEIR_EVENT_NOTICE:
    case WEIR_EVENT_WORKER_CHANGED:
        return 1;
    default:
        return 0;
    }
}

void weir__trace_event(struct weir__trace *trace, const struct weir_event *event)
{
    if (is_told(event->kind))
        weir__trace_file_event(&trace->file, &trace->events, 0, weir__clock_ns(),
                               weir_event_name(event->kind), event->text != NULL ? event->text : "",
                               event->text != NULL ? event->length : 0);
}

/* --- Calls and records ----------------------------------------------------------- */

/* Whose trace a call belongs to: its caller's if it brought one, or the root's. */
struct call_origin {
    struct weir__trace_id trace;
    uint64_t span;
    int is_brought, is_sampled;
};

static struct call_origin origin_of(const struct weir__trace *trace, const char *parent)
{
    struct call_origin origin = {.is_sampled = 1};

    origin.is_brought =
        parent != NULL && read_context(parent, &origin.trace, &origin.span, &origin.is_sampled);
    if (!origin.is_brought)
        origin = (struct call_origin){trace->root.trace, trace->root.span, 0, 1};
    return origin;
}

/* Returns NULL if there is no memory. */
static struct weir__trace_call *begin_call(struct weir__trace *trace,
                                           const struct call_origin *origin, int64_t stands_for)
{
    struct weir__trace_call *call = calloc(1, sizeof *call);

    if (call == NULL) {
        trace->no_memory++;
        return NULL;
    }
    call->trace = origin->trace;
    call->parent = origin->span;
    call->span = next_id(trace);
    call->stands_for = stands_for;
    return call;
}

/* A call that is sent is taken by its turn, or because its caller takes it. */
static struct weir__trace_call *take_sent(struct weir__trace *trace, const char *parent,
                                          int64_t now_ns)
{
    struct call_origin origin;
    int64_t stands_for = 0;

    if (parent == NULL && !weir__sampler_offer(&trace->sampler, now_ns, 0))
        return NULL;
    origin = origin_of(trace, parent);
    if (!origin.is_sampled)
        return NULL;
    if (parent == NULL || weir__sampler_offer(&trace->sampler, now_ns, 0) || origin.is_brought)
        stands_for = weir__sampler_take(&trace->sampler, now_ns, origin.is_brought);
    return stands_for != 0 ? begin_call(trace, &origin, stands_for) : NULL;
}

/* One that was not, or was never sent, is taken at its end if it is notable. */
static struct weir__trace_call *take_over(struct weir__trace *trace,
                                          const struct weir__trace_outcome *how, int has_failed)
{
    int64_t now_ns = how->ended_ns, took_ns = now_ns - how->started_ns, stands_for;
    struct call_origin origin;
    struct weir__trace_call *call;

    if (!has_failed && how->attempts == 1
        && !weir__sampler_is_slow(&trace->sampler, now_ns, took_ns))
        return NULL;
    origin = origin_of(trace, how->parent);
    if (!origin.is_sampled)
        return NULL;
    if (how->attempts == 0) {
        weir__sampler_offer(&trace->sampler, now_ns, took_ns);
        stands_for = weir__sampler_take(&trace->sampler, now_ns, 1);
    } else {
        stands_for = weir__sampler_take_beside(&trace->sampler, now_ns);
    }
    call = stands_for != 0 ? begin_call(trace, &origin, stands_for) : NULL;
    if (call == NULL)
        return NULL;
    call->pid = how->pid;
    call->is_client = how->is_client;
    call->sent_ns = how->started_ns + how->queued_ns;
    call->function = next_id(trace);
    return call;
}

/* The span of the function in the worker that has, or had, the call. */
static void put_function(struct weir__trace *trace, const struct weir__trace_call *call,
                         const char *method, const char *failure, int64_t now_ns)
{
    struct weir__attribute attributes[] = {
        {.key = call->pid > 0 ? "process.pid" : NULL, .number = call->pid},
    };
    struct weir__span span = {
        .context = {call->trace, call->function, call->span},
        .name = method,
        .category = "call",
        .kind = WEIR__SPAN_SERVER,
        .start_ns = call->sent_ns,
        .end_ns = now_ns,
        .group = call->span,
        .has_failed = failure != NULL,
        .message = failure,
        .attributes = attributes,
        .attribute_count = 1,
    };

    weir__trace_file_span(&trace->file, &span);
}

void weir__trace_call_sent(struct weir__trace *trace, struct weir__trace_call **made,
                           const char *parent, const char *method, pid_t pid, int is_client,
                           int64_t now_ns)
{
    struct weir__trace_call *call = *made;

    if (call != NULL && !call->is_client)
        put_function(trace, call, method, "the call was sent to another worker", now_ns);
    if (call == NULL)
        call = *made = take_sent(trace, parent, now_ns);
    if (call == NULL)
        return;
    call->pid = pid;
    call->is_client = is_client;
    call->sent_ns = now_ns;
    call->function = is_client ? call->span : next_id(trace);
    write_context(call->context, &call->trace, call->function);
}

const char *weir__trace_call_context(const struct weir__trace_call *call, const char *otherwise)
{
    return call != NULL ? call->context : otherwise;
}

/* Left out where that is itself. */
static struct weir__attribute stands_for(int64_t count)
{
    return (struct weir__attribute){.key = count > 1 ? "weir.stands_for" : NULL, .number = count};
}

void weir__trace_call_over(struct weir__trace *trace, struct weir__trace_call **made,
                           const struct weir__trace_outcome *how)
{
    int has_failed = strcmp(how->outcome, "returned") != 0;
    struct weir__trace_call *call = *made != NULL ? *made : take_over(trace, how, has_failed);
    char name[NAME_SIZE];
    struct weir__attribute attributes[] = {
        {.key = "rpc.method", .text = how->method},
        {.key = "weir.outcome", .text = how->outcome},
        {.key = "weir.queued_us"},
        {.key = "weir.attempts", .number = how->attempts},
        {.key = NULL},
    };
    struct weir__span span = {
        .name = name,
        .category = "call",
        .kind = WEIR__SPAN_INTERNAL,
        .start_ns = how->started_ns,
        .end_ns = how->ended_ns,
        .has_failed = has_failed,
        .message = has_failed ? how->message : NULL,
        .attributes = attributes,
        .attribute_count = sizeof attributes / sizeof attributes[0],
    };

    if (call == NULL)
        return;
    *made = NULL;
    snprintf(name, sizeof name, "call %s", how->method);
    if (call->is_client)
        span.kind = WEIR__SPAN_CLIENT;
    else if (how->attempts > 0)
        put_function(trace, call, how->method, span.message, how->ended_ns);
    span.context = (struct weir__span_context){call->trace, call->span, call->parent};
    span.group = call->span;
    attributes[2].number =
        ((how->attempts > 0 ? call->sent_ns : span.end_ns) - how->started_ns) / 1000;
    attributes[4] = stands_for(call->stands_for);
    if (call->stands_for > 0)
        weir__sampler_took(&trace->sampler, how->ended_ns - how->started_ns);
    weir__trace_file_span(&trace->file, &span);
    free(call);
}

struct weir__trace_sampler *weir__trace_sampler(struct weir__trace *trace)
{
    return &trace->sampler;
}

void weir__trace_record(struct weir__trace *trace, const struct weir__trace_answer *answer,
                        int64_t now_ns)
{
    int is_notable = answer->failure != NULL || answer->retries > 0
                     || weir__sampler_is_slow(&trace->sampler, now_ns, answer->took_ns);
    int64_t count = weir__sampler_take(&trace->sampler, now_ns, is_notable);
    struct weir__attribute attributes[] = {
        {.key = "weir.line", .number = (int64_t)answer->line},
        /* not always known yet */
        {.key = answer->pid > 0 ? "process.pid" : NULL, .number = answer->pid},
        {.key = answer->failure == NULL ? "weir.reply_bytes" : NULL,
         .number = (int64_t)answer->bytes},
        {.key = answer->retries > 0 ? "weir.retries" : NULL, .number = answer->retries},
        stands_for(count),
    };
    struct weir__span span = {
        .context = {trace->root.trace, 0, trace->root.span},
        .name = "record",
        .category = "record",
        .kind = WEIR__SPAN_INTERNAL,
        .start_ns = now_ns - answer->took_ns,
        .end_ns = now_ns,
        .has_failed = answer->failure != NULL,
        .message = answer->failure,
        .attributes = attributes,
        .attribute_count = sizeof attributes / sizeof attributes[0],
    };

    if (count == 0)
        return;
    if (count > 0)
        weir__sampler_took(&trace->sampler, answer->took_ns);
    span.context.span = next_id(trace);
    span.group = span.context.span;
    weir__trace_file_span(&trace->file, &span);
}
