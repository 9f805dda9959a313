#include "config.h"

#include "cli/report_history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json_parse.h"
#include "base/json_tree.h"
#include "base/printable.h"
#include "cli/report_kinds.h"
#include "cli/report_parts.h"

enum {
    POINTS = 180, /* of a chart, at most */
    BOUNDS = 64,
};

/* One line.  Counts grow from sample to sample; those below are the highest of a point. */
struct sample {
    double at_ms; /* since 1970 */
    double calls, errors, restarts, times[BOUNDS + 1];
    double queued, running, workers, rss_bytes;
};

struct history {
    struct sample *samples; /* of different times, in order */
    size_t count, room;
    struct sample read; /* the last one, with its counts as they are in the line */
    double bounds[BOUNDS];
    size_t bound_count;
    json_t *last; /* the last line */
};

/* --- Reading --------------------------------------------------------------------- */

/* Of "2026-01-02T03:04:05.678Z", in milliseconds; -1: it is no time, or not one in nanoseconds
 * (after 2262). */
static double time_of(const char *text)
{
    struct tm when = {0};
    int milliseconds, end = 0;
    int64_t days, year;
    double at_ms;

    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &when.tm_year, &when.tm_mon, &when.tm_mday,
               &when.tm_hour, &when.tm_min, &when.tm_sec, &milliseconds, &end)
            != 7
        || end == 0 || text[end] != '\0' || when.tm_mon < 1 || when.tm_mon > 12)
        return -1;
    year = when.tm_year - (when.tm_mon <= 2); /* it begins in March */
    days = 365 * year + year / 4 - year / 100 + year / 400
           + (153 * (when.tm_mon + (when.tm_mon > 2 ? -3 : 9)) + 2) / 5 + when.tm_mday - 719469;
    at_ms = (double)(((days * 24 + when.tm_hour) * 60 + when.tm_min) * 60 + when.tm_sec) * 1000
            + milliseconds;
    return at_ms <= (double)(INT64_MAX / 1000000) ? at_ms : -1;
}

static void read_times(struct history *history, struct sample *sample, const json_t *line)
{
    const json_t *bounds = json_object_get(line, "bounds_ms");
    const char *name;
    json_t *method;

    history->bound_count = json_array_size(bounds) < BOUNDS ? json_array_size(bounds) : BOUNDS;
    for (size_t i = 0; i < history->bound_count; i++)
        history->bounds[i] = part_number_at(bounds, i);
    json_object_foreach(json_object_get(line, "methods"), name, method)
    {
        const json_t *buckets = json_object_get(method, "buckets");

        for (size_t i = 0; i <= history->bound_count; i++)
            sample->times[i] += part_number_at(buckets, i);
    }
}

/* How much a count grew.  A server that was started anew begins at 0. */
static double growth(int is_anew, double before, double after)
{
    return after >= before && !is_anew ? after - before : after;
}

/* Makes the counts of a line those of its history: no server's start takes any away. */
static void count_on(struct history *history, struct sample *sample)
{
    const struct sample line = *sample, *read = &history->read;
    int is_anew = line.calls < read->calls;

    if (history->count > 0) {
        const struct sample *total = &history->samples[history->count - 1];

        sample->calls = total->calls + growth(is_anew, read->calls, line.calls);
        sample->errors = total->errors + growth(is_anew, read->errors, line.errors);
        sample->restarts = total->restarts + growth(is_anew, read->restarts, line.restarts);
        for (size_t i = 0; i <= history->bound_count; i++)
            sample->times[i] = total->times[i] + growth(is_anew, read->times[i], line.times[i]);
    }
    history->read = line;
}

static int read_sample(struct history *history, const json_t *line)
{
    const json_t *workers = json_object_get(line, "workers");
    struct sample sample = {
        .at_ms = time_of(part_text_of(line, "at", "")),
        .calls = part_number_of(line, "calls"),
        .errors = part_number_of(line, "errors"),
        .restarts = part_number_of(line, "restarts"),
        .queued = part_number_of(line, "queued"),
        .running = part_number_of(line, "running"),
        .workers = (double)json_array_size(workers),
    };

    if (history->count > 0 && sample.at_ms <= history->samples[history->count - 1].at_ms)
        return 0; /* the clock was set back */
    for (size_t i = 0; i < json_array_size(workers); i++)
        sample.rss_bytes += part_number_of(json_array_get(workers, i), "rss_kb") * 1024;
    read_times(history, &sample, line);
    if (history->count == history->room) {
        size_t room = history->room > 0 ? 2 * history->room : 64;
        struct sample *samples = realloc(history->samples, room * sizeof *samples);

        if (samples == NULL)
            return WEIR_ERR_NOMEM;
        history->samples = samples;
        history->room = room;
    }
    count_on(history, &sample);
    history->samples[history->count++] = sample;
    return 0;
}

/* Reads the line number, from 1.  Returns 0 if it is one of them. */
static int read_line(struct history *history, const char *text, size_t length, size_t number,
                     struct weir_error *error)
{
    json_error_t fault;
    json_t *line = weir__json_parse(text, length, JSON_ALLOW_NUL, &fault);
    int status;

    if (line == NULL && json_error_code(&fault) == json_error_out_of_memory)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a report");
    if (line == NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "line %zu is not JSON: %.160s", number,
                          fault.text);
    if (time_of(part_text_of(line, "at", "")) < 0
        || !json_is_object(json_object_get(line, "latency_ms"))) {
        json_decref(line);
        return weir__fail(error, WEIR_ERR_INVALID, 0, "line %zu is not a line of weir top --json",
                          number);
    }
    status = read_sample(history, line);
    json_decref(history->last);
    history->last = line;
    return status == 0 ? 0 : weir__fail(error, status, 0, "no memory for a report");
}

static int read_lines(struct history *history, const char *text, size_t length,
                      struct weir_error *error)
{
    const char *end = text + length;
    int status = 0;

    for (size_t number = 1; text < end && status == 0; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        if (newline == NULL && number > 2)
            break; /* it is still being written, or was cut off */
        newline = newline != NULL ? newline : end;
        if (newline > text)
            status = read_line(history, text, (size_t)(newline - text), number, error);
        text = newline + 1;
    }
    return status;
}

/* --- Points ------------------------------------------------------------------------ */

/* Makes points of samples: the last of each part of the time, with the highest levels of it. */
static void thin_out(struct history *history)
{
    struct sample *samples = history->samples;
    double start = samples[0].at_ms, span = samples[history->count - 1].at_ms - start;
    size_t count = 1;
    double part_before = 0;

    for (size_t i = 1; i < history->count; i++) {
        struct sample *kept = &samples[count - 1], next = samples[i];
        double part = ceil((next.at_ms - start) / span * POINTS);

        if (part == part_before && count > 1) {
            next.queued = fmax(next.queued, kept->queued);
            next.running = fmax(next.running, kept->running);
            next.workers = fmax(next.workers, kept->workers);
            next.rss_bytes = fmax(next.rss_bytes, kept->rss_bytes);
            *kept = next;
        } else {
            samples[count++] = next;
        }
        part_before = part;
    }
    history->count = count;
}

/* A percentile in ms of the calls between two samples; NAN: there were none. */
static double percentile(const struct history *history, const struct sample *before,
                         const struct sample *after, double part)
{
    double counts[BOUNDS + 1], all = 0, seen = 0;

    for (size_t i = 0; i <= history->bound_count; i++) {
        counts[i] = after->times[i] - before->times[i];
        all += counts[i];
    }
    for (size_t i = 0; i < history->bound_count && all > 0; i++) {
        double low = i > 0 ? history->bounds[i - 1] : 0;

        if (counts[i] > 0 && seen + counts[i] >= all * part)
            return low + (history->bounds[i] - low) * (all * part - seen) / counts[i];
        seen += counts[i];
    }
    return all > 0 && history->bound_count > 0 ? history->bounds[history->bound_count - 1] : NAN;
}

/* What the points are in each chart. */
struct lines {
    double ends[POINTS + 1], calls[POINTS + 1], errors[POINTS + 1], queued[POINTS + 1],
        running[POINTS + 1], median[POINTS + 1], slow[POINTS + 1], workers[POINTS + 1],
        restarts[POINTS + 1], rss[POINTS + 1];
    size_t count;
};

static void fill_lines(const struct history *history, struct lines *lines)
{
    const struct sample *first = history->samples;

    for (size_t i = 1; i < history->count && lines->count <= POINTS; i++) {
        const struct sample *before = &history->samples[i - 1], *after = &history->samples[i];
        double step_s = (after->at_ms - before->at_ms) / 1000;
        size_t at = lines->count++;

        lines->ends[at] = after->at_ms - first->at_ms;
        lines->calls[at] = (after->calls - before->calls) / step_s;
        lines->errors[at] = (after->errors - before->errors) / step_s;
        lines->restarts[at] = after->restarts - before->restarts;
        lines->median[at] = percentile(history, before, after, 0.5);
        lines->slow[at] = percentile(history, before, after, 0.99);
        lines->queued[at] = after->queued;
        lines->running[at] = after->running;
        lines->workers[at] = after->workers;
        lines->rss[at] = after->rss_bytes;
    }
}

static double most_of(const double *values, size_t count)
{
    double most = 0;

    for (size_t i = 0; i < count; i++)
        most = fmax(most, isnan(values[i]) ? 0 : values[i]);
    return most;
}

/* --- The model ------------------------------------------------------------------------ */

static void add_charts(json_t **sections, const struct lines *lines)
{
    const double *ends = lines->ends;
    size_t count = lines->count;
    double span_ms = ends[count - 1];
    json_t *calls = json_array(), *load = json_array(), *latency = json_array(),
           *workers = json_array(), *restarts = json_array(), *memory = json_array();

    part_line(&calls, "calls", part_plain, 1, ends, lines->calls, count, "/s");
    if (most_of(lines->errors, count) > 0)
        part_line(&calls, "errors", part_bad, 0, ends, lines->errors, count, "/s");
    part_line(&load, "running", part_plain, 1, ends, lines->running, count, "");
    part_line(&load, "queued", part_bad, 0, ends, lines->queued, count, "");
    if (most_of(lines->slow, count) > 0) {
        part_line(&latency, "99 %", part_bad, 0, ends, lines->slow, count, "ms");
        part_line(&latency, "median", part_plain, 0, ends, lines->median, count, "ms");
    }
    part_line(&workers, "workers", part_plain, 1, ends, lines->workers, count, "");
    if (most_of(lines->restarts, count) > 0)
        part_line(&restarts, "restarts", part_bad, 1, ends, lines->restarts, count, "");
    if (most_of(lines->rss, count) > 0)
        part_line(&memory, "memory", part_plain, 1, ends, lines->rss, count, "bytes");
    part_chart(sections, "Calls a second", span_ms, "/s", calls);
    part_chart(sections, "Calls at a time", span_ms, "", load);
    part_chart(sections, "Time of a call", span_ms, "ms", latency);
    part_chart(sections, "Number of workers", span_ms, "", workers);
    part_chart(sections, "Restarts", span_ms, "", restarts);
    part_chart(sections, "Memory of the workers", span_ms, "bytes", memory);
}

static void add_amount(json_t **facts, const char *label, double amount, const char *unit,
                       const char *tone_of_some)
{
    char value[REPORT_VALUE];

    report_amount(value, amount, unit);
    part_number(facts, label, value, amount, amount > 0 ? tone_of_some : part_plain);
}

/* Counts since the first line, not since the start of the server. */
static json_t *facts_of(const struct history *history, double calls, double errors)
{
    const struct sample *samples = history->samples, *last = &samples[history->count - 1];
    double span_ms = last->at_ms - samples[0].at_ms;
    double queued = 0, running = 0;
    json_t *facts = json_array();
    char at[WEIR__TIME_SIZE], started[REPORT_VALUE];

    weir__clock_format((int64_t)samples[0].at_ms * 1000000, at);
    snprintf(started, sizeof started, "%.10s %.8s UTC", at, at + 11);
    part_fact(&facts, "started", started, part_plain);
    for (size_t i = 1; i < history->count; i++) {
        queued = fmax(queued, samples[i].queued);
        running = fmax(running, samples[i].running);
    }
    add_amount(&facts, "time", span_ms, "ms", part_plain);
    add_amount(&facts, "calls", calls, "", part_plain);
    add_amount(&facts, "calls a second", calls * 1000 / span_ms, "", part_plain);
    add_amount(&facts, "errors", errors, "", part_bad);
    add_amount(&facts, "most at a time", running, "", part_plain);
    add_amount(&facts, "longest queue", queued, "", part_plain);
    add_amount(&facts, "restarts", last->restarts - samples[0].restarts, "", part_bad);
    return facts;
}

/* Puts the charts between the summary and what the last line shows. */
static json_t *model_of(struct history *history)
{
    const struct sample *first = &history->samples[0], *last = &first[history->count - 1];
    double calls = last->calls - first->calls, errors = last->errors - first->errors;
    json_t *sections = json_array(), *state = report_serve_model(history->last);
    json_t *facts;
    struct lines *lines = calloc(1, sizeof *lines);
    char verdict[2 * REPORT_VALUE];

    facts = facts_of(history, calls, errors);
    part_section(&sections, "facts", "Summary", facts);
    thin_out(history);
    if (lines != NULL) {
        fill_lines(history, lines);
        add_charts(&sections, lines);
    }
    for (size_t i = 1; i < json_array_size(json_object_get(state, "sections")); i++)
        weir__tree_append(&sections,
                          json_incref(json_array_get(json_object_get(state, "sections"), i)));
    snprintf(verdict, sizeof verdict, "%.0f calls, %.0f errors", calls, errors);
    if (lines == NULL || state == NULL) {
        json_decref(sections);
        sections = NULL;
    }
    json_decref(state);
    free(lines);
    return part_model("weir serve", verdict, errors > 0 ? part_bad : part_good, sections);
}

int report_is_history(const char *text, size_t length)
{
    const char *newline = length > 0 ? memchr(text, '\n', length) : NULL;
    json_t *first = NULL;
    int is_one;

    if (newline != NULL && newline + 1 < text + length)
        first = weir__json_parse(text, (size_t)(newline - text), JSON_ALLOW_NUL, NULL);
    is_one = json_is_string(json_object_get(first, "at"));
    json_decref(first);
    return is_one;
}

json_t *report_history(const char *text, size_t length, struct weir_error *error)
{
    struct history history = {0};
    json_t *model = NULL;

    if (read_lines(&history, text, length, error) < 0)
        ;
    else if (history.count < 2)
        weir__fail(error, WEIR_ERR_INVALID, 0, "its lines are of the same time");
    else if ((model = model_of(&history)) == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a report");
    json_decref(history.last);
    free(history.samples);
    return model;
}
