#include "config.h"

#include "cli/top_view.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "cli/report_value.h"

enum {
    LINE_SIZE = 1000,
    HEAD_LINES = 6, /* above the workers, with the heads of the columns */
    SPARK_WIDTH = 30,
    STATE_WIDTH = 9,
};

/* --- Answers --------------------------------------------------------------- */

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static uint64_t count_of(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));

    return value > 0 ? (uint64_t)value : 0;
}

/* nodes may be NULL. */
static int is_same(const struct top_worker *a, const struct top_worker *b)
{
    return a->pid == b->pid
           && (a->node == NULL || b->node == NULL ? a->node == b->node
                                                  : strcmp(a->node, b->node) == 0);
}

static const struct top_worker *find(const struct top_view *view, const struct top_worker *wanted)
{
    for (size_t i = 0; i < view->worker_count; i++)
        if (is_same(&view->workers[i], wanted))
            return &view->workers[i];
    return NULL;
}

static void read_worker(const struct top_view *before, const json_t *from, double passed_s,
                        struct top_worker *worker)
{
    const struct top_worker *then;
    const char *state = json_string_value(json_object_get(from, "state"));

    *worker = (struct top_worker){
        .pid = json_integer_value(json_object_get(from, "pid")),
        .calls = count_of(from, "calls"),
        .rss_kb = count_of(from, "rss_kb"),
        .state = state != NULL ? state : "",
        .node = json_string_value(json_object_get(from, "node")),
    };
    then = find(before, worker);
    if (then != NULL && worker->calls > then->calls && passed_s > 0)
        worker->rate = (double)(worker->calls - then->calls) / passed_s;
}

int top_view_take(struct top_view *view, json_t *stats, int64_t at_ns)
{
    const json_t *list = json_object_get(stats, "workers");
    size_t count = json_array_size(list);
    struct top_worker *workers = calloc(count + 1, sizeof *workers), chosen = {0};
    double passed_s = view->stats != NULL ? (double)(at_ns - view->at_ns) / 1e9 : 0;
    uint64_t calls = count_of(stats, "calls"), before = count_of(view->stats, "calls");

    if (workers == NULL || !json_is_array(list)) {
        free(workers);
        json_decref(stats);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        read_worker(view, json_array_get(list, i), passed_s, &workers[i]);
    view->rate = passed_s > 0 ? (double)(calls > before ? calls - before : 0) / passed_s : -1;
    if (view->rate >= 0)
        spark_put(&view->rates, view->rate);
    if (view->chosen < view->worker_count)
        chosen = view->workers[view->chosen];
    free(view->workers);
    view->workers = workers;
    view->worker_count = count;
    top_view_sort(view, view->sort);
    for (size_t i = 0; i < count; i++)
        if (chosen.pid != 0 && is_same(&workers[i], &chosen))
            view->chosen = i;
    if (view->chosen >= count)
        view->chosen = count > 0 ? count - 1 : 0;
    json_decref(view->stats); /* what chosen.node belongs to */
    view->stats = stats;
    view->at_ns = at_ns;
    return 0;
}

void top_view_clear(struct top_view *view)
{
    json_decref(view->stats);
    free(view->workers);
}

/* --- Order ----------------------------------------------------------------- */

static int compare_numbers(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int by_pid(const void *a, const void *b)
{
    const struct top_worker *one = a, *two = b;
    int order = compare_numbers((double)one->pid, (double)two->pid);

    if (order == 0 && one->node != NULL && two->node != NULL)
        order = strcmp(one->node, two->node);
    return order;
}

static int or_pid(int order, const void *a, const void *b)
{
    return order != 0 ? order : by_pid(a, b);
}

static int by_calls(const void *a, const void *b)
{
    const struct top_worker *one = a, *two = b;

    return or_pid(compare_numbers((double)two->calls, (double)one->calls), a, b);
}

static int by_rate(const void *a, const void *b)
{
    const struct top_worker *one = a, *two = b;

    return or_pid(compare_numbers(two->rate, one->rate), a, b);
}

static int by_memory(const void *a, const void *b)
{
    const struct top_worker *one = a, *two = b;

    return or_pid(compare_numbers((double)two->rss_kb, (double)one->rss_kb), a, b);
}

static int by_state(const void *a, const void *b)
{
    const struct top_worker *one = a, *two = b;

    return or_pid(strcmp(one->state, two->state), a, b);
}

static int (*const orders[TOP_SORTS])(const void *, const void *) = {
    [TOP_BY_CALLS] = by_calls, [TOP_BY_RATE] = by_rate,   [TOP_BY_MEMORY] = by_memory,
    [TOP_BY_PID] = by_pid,     [TOP_BY_STATE] = by_state,
};

void top_view_sort(struct top_view *view, enum top_sort sort)
{
    struct top_worker chosen = {0};

    if (view->chosen < view->worker_count)
        chosen = view->workers[view->chosen];
    view->sort = sort;
    qsort(view->workers, view->worker_count, sizeof *view->workers, orders[sort]);
    for (size_t i = 0; i < view->worker_count; i++)
        if (is_same(&view->workers[i], &chosen))
            view->chosen = i;
}

/* --- Lines ----------------------------------------------------------------- */

struct lines {
    struct weir__buffer *text;
    int columns; /* INT_MAX: any */
    int is_drawn;
};

/* Adds a line; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void add_line(const struct lines *lines, int is_marked,
                                                           const char *format, ...)
{
    char line[LINE_SIZE];
    size_t length = 0;
    int columns = 0;
    va_list args;

    va_start(args, format);
    weir__sentence_list(line, sizeof line, format, args);
    va_end(args);
    for (; line[length] != '\0'; length++)
        if (((unsigned char)line[length] & 0xc0) != 0x80 && columns++ == lines->columns)
            break;
    if (is_marked)
        weir__buffer_add(lines->text, "\033[7m", 4, NULL);
    weir__buffer_add(lines->text, line, length, NULL);
    if (is_marked)
        weir__buffer_add(lines->text, "\033[0m", 4, NULL);
    if (lines->is_drawn)
        weir__buffer_add(lines->text, "\033[K", 3, NULL);
    weir__buffer_add(lines->text, "\n", 1, NULL);
}

static void add_rate(const struct top_view *view, const struct lines *lines)
{
    struct weir__buffer spark = {0};

    spark_draw(&view->rates, SPARK_WIDTH, &spark);
    add_line(lines, 0, "rate     %.*s", (int)spark.length, spark.length > 0 ? spark.bytes : "");
    weir__buffer_clear(&spark);
}

static void add_head(const struct top_view *view, const struct lines *lines)
{
    const json_t *stats = view->stats, *latency = json_object_get(stats, "latency_ms");
    const json_t *connections = json_object_get(json_object_get(stats, "server"), "connections");
    char rate[64] = "", p50[REPORT_VALUE], p95[REPORT_VALUE], p99[REPORT_VALUE], most[REPORT_VALUE];

    if (view->rate >= 0)
        snprintf(rate, sizeof rate, "%.*f a second, ", view->rate < 10 ? 1 : 0, view->rate);
    report_duration(p50, number(latency, "p50"));
    report_duration(p95, number(latency, "p95"));
    report_duration(p99, number(latency, "p99"));
    report_duration(most, number(latency, "max"));
    add_line(lines, 0, "calls    %" PRIu64 ", %s%" PRIu64 " errors", count_of(stats, "calls"), rate,
             count_of(stats, "errors"));
    add_line(lines, 0,
             "queue    %" PRIu64 " waiting, %" PRIu64 " running, %lld connections, %" PRIu64
             " restarts",
             count_of(stats, "queued"), count_of(stats, "running"),
             (long long)json_integer_value(connections), count_of(stats, "restarts"));
    add_line(lines, 0, "latency  median %s, 95 %% %s, 99 %% %s, longest %s", p50, p95, p99, most);
    if (lines->is_drawn)
        add_rate(view, lines);
    add_line(lines, 0, "%s", "");
    add_line(lines, 0, "    %9s  %-*s  %12s  %9s  %10s  %s", "pid", STATE_WIDTH, "state", "calls",
             "a second", "memory", "node");
}

static void add_worker(const struct lines *lines, const struct top_worker *worker, int is_chosen)
{
    char memory[REPORT_VALUE] = "", pid[32] = "", rate[32];

    if (worker->rss_kb > 0)
        report_size(memory, (double)worker->rss_kb * 1024);
    if (worker->pid > 0)
        snprintf(pid, sizeof pid, "%" PRId64, worker->pid);
    snprintf(rate, sizeof rate, "%.*f", worker->rate < 10 ? 1 : 0, worker->rate);
    add_line(lines, is_chosen, "  %s %9s  %-*.100s  %12" PRIu64 "  %9s  %10s  %.255s",
             is_chosen ? ">" : " ", pid, STATE_WIDTH, worker->state, worker->calls, rate, memory,
             worker->node != NULL ? worker->node : "");
}

void top_view_print(const struct top_view *view, struct weir__buffer *text)
{
    struct lines lines = {text, INT_MAX, 0};

    add_head(view, &lines);
    for (size_t i = 0; i < view->worker_count; i++)
        add_worker(&lines, &view->workers[i], 0);
}

void top_view_draw(const struct top_view *view, struct weir__buffer *text, int columns, int rows)
{
    struct lines lines = {text, columns, 1};
    size_t room = rows > HEAD_LINES + 2 ? (size_t)(rows - HEAD_LINES - 1) : 1, from = 0, shown;

    weir__buffer_add(text, "\033[H", 3, NULL);
    if (view->stats == NULL) {
        add_line(&lines, 0, "waiting for the server");
    } else {
        add_head(view, &lines);
        if (view->chosen >= room)
            from = view->chosen - room + 1;
        shown = view->worker_count - from < room ? view->worker_count - from : room;
        for (size_t i = from; i < from + shown; i++)
            add_worker(&lines, &view->workers[i], i == view->chosen);
    }
    weir__buffer_add(text, "\033[J", 3, NULL); /* below, so that nothing is left of before */
    add_line(
        &lines, 0, "%s",
        view->message[0] != '\0'
            ? view->message
            : "q quit  up/down choose  R recycle  sort: c calls r rate m memory p pid s state");
    text->length -= text->length > 0; /* the last line has no end: the screen must not scroll */
}
