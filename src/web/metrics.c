#include "config.h"

#include "web/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool/figures.h"
#include "pool/pool_worker.h"

/* --- What the door counts ----------------------------------------------------------- */

/* Responses with the same method, route and status. */
struct weir__web_series {
    struct weir__web_series *next;
    const char *method, *route;
    int status;
    struct weir__times times;
};

/* Others are one, so that no client makes up series. */
static const char *method_name(const struct weir__web_client *client)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"};
    struct weir__http_text method = weir__http_request_method(&client->request, client->in.bytes);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (weir__http_is(method, names[i]))
            return names[i];
    return "_OTHER";
}

void weir__web_metrics_begin(struct weir__web_client *client)
{
    client->method = method_name(client);
    client->began_ns = weir__clock_ns();
    client->door->active++;
}

void weir__web_metrics_end(struct weir__web_client *client)
{
    struct weir__web_door *door = client->door;
    const char *route = client->route_name != NULL ? client->route_name : "";
    struct weir__web_series *series = door->series;

    if (client->method == NULL)
        return; /* its head could not be read */
    while (series != NULL
           && (series->status != client->status || series->method != client->method
               || series->route != route))
        series = series->next;
    if (series == NULL)
        series = calloc(1, sizeof *series);
    if (series != NULL && series->method == NULL) {
        series->method = client->method;
        series->route = route;
        series->status = client->status;
        series->next = door->series;
        door->series = series;
    }
    if (series != NULL)
        weir__times_add(&series->times, weir__clock_ns() - client->began_ns);
    weir__web_metrics_drop(client);
}

void weir__web_metrics_drop(struct weir__web_client *client)
{
    client->door->active -= client->method != NULL;
    client->method = NULL;
}

void weir__web_metrics_refuse(struct weir__web_door *door, int status, const char *type)
{
    struct weir__web_refusals *refusals = door->refusals, *end = refusals + WEIR__WEB_REFUSALS;
    const char *reason = type != NULL ? type : status == 429 ? "rate" : "forbidden";

    if (strncmp(reason, "token-", 6) == 0)
        reason += 6;
    while (refusals < end && refusals->reason != NULL && strcmp(refusals->reason, reason) != 0)
        refusals++;
    if (refusals == end)
        return;
    refusals->reason = reason;
    refusals->count++;
}

void weir__web_metrics_clear(struct weir__web_door *door)
{
    struct weir__web_series *series;

    while ((series = door->series) != NULL) {
        door->series = series->next;
        free(series);
    }
}

/* --- The text ------------------------------------------------------------------------- */

static void write_help(struct weir__http_writer *writer, const char *metric, const char *type,
                       const char *help)
{
    const char *const words[] = {"# HELP ", metric, " ",  help, "\n# TYPE ",
                                 metric,    " ",    type, "\n"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        weir__http_write_text(writer, words[i]);
}

/* labels: name="value", separated by commas; "" for none. */
static void write_text(struct weir__http_writer *writer, const char *metric, const char *labels,
                       const char *value)
{
    int has_labels = *labels != '\0';
    const char *const words[] = {
        metric, has_labels ? "{" : "", labels, has_labels ? "}" : "", " ", value, "\n"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        weir__http_write_text(writer, words[i]);
}

static void write_number(struct weir__http_writer *writer, const char *metric, const char *labels,
                         uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, value);
    write_text(writer, metric, labels, text);
}

/* Some labels: each of the lines below has its own. */
struct labels {
    char text[2 * 128 + 160];
};

/* value: a name that may hold anything. */
static struct labels label(const char *name, const char *value)
{
    struct labels labels;
    size_t length = (size_t)snprintf(labels.text, sizeof labels.text, "%s=\"", name);

    for (; *value != '\0' && length + 4 < sizeof labels.text; value++) {
        if (*value == '"' || *value == '\\')
            labels.text[length++] = '\\';
        labels.text[length++] = *value;
    }
    memcpy(labels.text + length, "\"", 2);
    return labels;
}

/* The same, and one more. */
static struct labels with(struct labels labels, const char *name, const char *value)
{
    size_t length = strlen(labels.text);

    snprintf(labels.text + length, sizeof labels.text - length, "%s%s=\"%s\"",
             length > 0 ? "," : "", name, value);
    return labels;
}

static void write_times(struct weir__http_writer *writer, const char *metric, struct labels labels,
                        const struct weir__times *times)
{
    char name[64], bound[24] = "+Inf";
    uint64_t count = 0;

    snprintf(name, sizeof name, "%s_bucket", metric);
    for (size_t i = 0; i <= WEIR__TIMES_BOUNDS; i++) {
        count += times->buckets[i];
        if (i < WEIR__TIMES_BOUNDS)
            snprintf(bound, sizeof bound, "%g", (double)weir__times_bounds_ns[i] / 1e9);
        else
            snprintf(bound, sizeof bound, "+Inf");
        write_number(writer, name, with(labels, "le", bound).text, count);
    }
    snprintf(name, sizeof name, "%s_sum", metric);
    snprintf(bound, sizeof bound, "%.9g", (double)times->sum_ns / 1e9);
    write_text(writer, name, labels.text, bound);
    snprintf(name, sizeof name, "%s_count", metric);
    write_number(writer, name, labels.text, count);
}

static void write_methods(struct weir__http_writer *writer, const struct weir_pool *pool)
{
    const struct weir__method_figures *method;
    size_t at;

    write_help(writer, "weir_calls_total", "counter", "Calls by method and outcome.");
    for (at = 0; (method = weir__figures_next(&pool->figures, &at)) != NULL;)
        for (int i = 0; i < WEIR__OUTCOMES; i++)
            if (method->outcomes[i] > 0 || i == WEIR_CALL_RETURNED)
                write_number(writer, "weir_calls_total",
                             with(label("method", method->name), "outcome",
                                  weir_outcome_name((enum weir_outcome)i))
                                 .text,
                             method->outcomes[i]);
    write_help(writer, "weir_call_duration_seconds", "histogram",
               "Time from the start of a call to its outcome.");
    for (at = 0; (method = weir__figures_next(&pool->figures, &at)) != NULL;)
        write_times(writer, "weir_call_duration_seconds", label("method", method->name),
                    &method->times);
    write_help(writer, "weir_stream_values_total", "counter", "Values of streams.");
    for (at = 0; (method = weir__figures_next(&pool->figures, &at)) != NULL;) {
        struct labels labels = label("method", method->name);

        if (method->values_in > 0)
            write_number(writer, "weir_stream_values_total", with(labels, "direction", "in").text,
                         method->values_in);
        if (method->values_out > 0)
            write_number(writer, "weir_stream_values_total", with(labels, "direction", "out").text,
                         method->values_out);
    }
}

static void write_guard(struct weir__http_writer *writer, const struct weir_pool *pool)
{
    const struct weir__method_figures *method;
    size_t at;

    write_help(writer, "weir_breaker_state", "gauge", "1 for the state that a breaker has.");
    for (at = 0; (method = weir__figures_next(&pool->figures, &at)) != NULL;)
        for (int i = 0; i <= WEIR__BREAKER_HALF_OPEN && method->breaker.spec != NULL; i++)
            write_number(writer, "weir_breaker_state",
                         with(label("method", method->name), "state",
                              weir__breaker_state_name((enum weir__breaker_state)i))
                             .text,
                         (int)method->breaker.state == i);
    write_help(writer, "weir_fallbacks_total", "counter", "Calls that another method took over.");
    for (at = 0; (method = weir__figures_next(&pool->figures, &at)) != NULL;)
        if (method->fallbacks > 0)
            write_number(writer, "weir_fallbacks_total", label("method", method->name).text,
                         method->fallbacks);
}

/* Its label, or its number, from 1. */
static struct labels kind_of(const struct weir__worker_group *group)
{
    char number[24];

    snprintf(number, sizeof number, "%zu", group->number + 1);
    return label("kind", group->kind.label != NULL ? group->kind.label : number);
}

static uint64_t count_workers(const struct weir__worker_group *group, const char *state)
{
    uint64_t count = 0;

    for (const struct weir__pool_worker *worker = group->workers; worker != NULL;
         worker = worker->next)
        count += strcmp(weir__pool_worker_state(worker), state) == 0;
    return count;
}

static uint64_t resident_bytes(const struct weir__worker_group *group)
{
    uint64_t kb = 0;

    for (const struct weir__pool_worker *worker = group->workers; worker != NULL;
         worker = worker->next)
        kb += weir__pool_worker_rss_kb(worker);
    return kb * 1024;
}

static void write_workers(struct weir__http_writer *writer, const struct weir_pool *pool)
{
    static const char *const states[] = {"starting", "ready", "busy",  "lent",
                                         "retiring", "lost",  "ending"};

    write_help(writer, "weir_workers", "gauge", "Worker processes by kind and state.");
    for (size_t i = 0; i < pool->group_count; i++)
        for (size_t state = 0; state < sizeof states / sizeof states[0]; state++)
            write_number(writer, "weir_workers",
                         with(kind_of(&pool->groups[i]), "state", states[state]).text,
                         count_workers(&pool->groups[i], states[state]));
    write_help(writer, "weir_worker_restarts_total", "counter",
               "Workers that died or were given up, by kind.");
    for (size_t i = 0; i < pool->group_count; i++)
        write_number(writer, "weir_worker_restarts_total", kind_of(&pool->groups[i]).text,
                     pool->groups[i].restarts);
    write_help(writer, "weir_worker_resident_memory_bytes", "gauge",
               "Resident memory of the worker processes, by kind.");
    for (size_t i = 0; i < pool->group_count; i++)
        write_number(writer, "weir_worker_resident_memory_bytes", kind_of(&pool->groups[i]).text,
                     resident_bytes(&pool->groups[i]));
}

static struct labels series_labels(const struct weir__web_series *series)
{
    char status[16];

    snprintf(status, sizeof status, "%d", series->status);
    return with(with(label("http_request_method", series->method), "http_route", series->route),
                "http_response_status_code", status);
}

static void write_door(struct weir__http_writer *writer, const struct weir__web_door *door)
{
    write_help(writer, "weir_tokens_refused_total", "counter", "Refused tokens by reason.");
    for (size_t i = 0; i < WEIR__WEB_REFUSALS && door->refusals[i].reason != NULL; i++)
        write_number(writer, "weir_tokens_refused_total",
                     label("reason", door->refusals[i].reason).text, door->refusals[i].count);
    write_help(writer, "http_server_request_duration_seconds", "histogram",
               "Time from the end of a request's head to the end of its response.");
    for (const struct weir__web_series *series = door->series; series != NULL;
         series = series->next)
        write_times(writer, "http_server_request_duration_seconds", series_labels(series),
                    &series->times);
    write_help(writer, "http_server_active_requests", "gauge",
               "Requests that are not answered yet.");
    write_number(writer, "http_server_active_requests", "", door->active);
    write_help(writer, "weir_http_connections", "gauge", "Open connections.");
    write_number(writer, "weir_http_connections", "", door->client_count);
}

int weir__web_metrics_write(const struct weir__web_door *door, struct weir__buffer *to)
{
    struct weir__http_writer writer = {to, 0};
    const struct weir_pool *pool = door->pool;

    write_methods(&writer, pool);
    if (pool->guard != NULL)
        write_guard(&writer, pool);
    write_help(&writer, "weir_call_queue_seconds", "histogram",
               "Time that calls waited for a worker.");
    write_times(&writer, "weir_call_queue_seconds", (struct labels){""}, &pool->figures.queue);
    write_help(&writer, "weir_calls_running", "gauge", "Calls that a worker has.");
    write_number(&writer, "weir_calls_running", "", pool->running);
    write_help(&writer, "weir_calls_queued", "gauge", "Calls that wait for a worker.");
    write_number(&writer, "weir_calls_queued", "", pool->queued);
    write_workers(&writer, pool);
    write_door(&writer, door);
    write_help(&writer, "process_start_time_seconds", "gauge",
               "When the server began, in Unix time.");
    write_number(&writer, "process_start_time_seconds", "", (uint64_t)door->started_s);
    write_help(&writer, "weir_build_info", "gauge", "The version of weir.");
    write_number(&writer, "weir_build_info", label("version", PACKAGE_VERSION).text, 1);
    return writer.failed ? WEIR_ERR_NOMEM : 0;
}
