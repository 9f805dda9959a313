#include "config.h"

#include "base/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/signal_names.h"
#include "base/trace_context.h"
#include "base/trace_types.h"

/* A process that runs. */
struct open_span {
    struct open_span *next;
    int64_t job, start_ns;
    size_t stage;
    unsigned track;
    uint64_t id;
    struct weir__span_events events;
    char program[WEIR__TRACE_NAME_SIZE];
};

void weir__trace_context(const struct weir__trace *trace, char text[WEIR__TRACEPARENT_SIZE])
{
    weir__traceparent_write(text, &trace->root.trace, trace->root.span);
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
        trace->random = weir__trace_seed();
        if (!weir__traceparent_read(options->parent, &trace->root.trace, &trace->root.parent,
                                    &is_sampled)) {
            trace->root.trace = (struct weir__trace_id){weir__trace_next_id(&trace->random),
                                                        weir__trace_next_id(&trace->random)};
            trace->root.parent = 0;
        }
        trace->root.span = weir__trace_next_id(&trace->random);
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
    struct open_span *open =
        trace->open_count < WEIR__TRACE_MOST_OPEN - 1 ? calloc(1, sizeof *open) : NULL;

    if (open == NULL) {
        trace->processes_left_out++;
        return;
    }
    snprintf(open->program, sizeof open->program, "%s",
             slash != NULL && slash[1] != '\0' ? slash + 1 : program);
    open->job = job;
    open->stage = stage;
    open->start_ns = weir__clock_ns();
    open->id = weir__trace_next_id(&trace->random);
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
