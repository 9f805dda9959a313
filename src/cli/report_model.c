#include "config.h"

#include "cli/report_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json_tree.h"
#include "base/printable.h"

/* --- Values in words -------------------------------------------------------- */

void report_duration(char text[REPORT_VALUE], double ms)
{
    double s = ms / 1000;

    if (ms < 1)
        snprintf(text, REPORT_VALUE, "%.3g ms", ms);
    else if (ms < 1000)
        snprintf(text, REPORT_VALUE, ms < 100 ? "%.1f ms" : "%.0f ms", ms);
    else if (s < 60)
        snprintf(text, REPORT_VALUE, "%.2f s", s);
    else if (s < 3600)
        snprintf(text, REPORT_VALUE, "%d min %d s", (int)s / 60, (int)s % 60);
    else if (!(s < 1e15))
        snprintf(text, REPORT_VALUE, "%.3g s", s);
    else
        snprintf(text, REPORT_VALUE, "%lld h %d min", (long long)s / 3600,
                 (int)((long long)s % 3600) / 60);
}

void report_size(char text[REPORT_VALUE], double bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, REPORT_VALUE, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes,
             units[unit]);
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : otherwise;
}

/* --- Parts of the model --------------------------------------------------------- */

static const char good[] = "good", bad[] = "bad", plain[] = "plain";

static void add_fact(json_t **facts, const char *label, const char *value, const char *tone)
{
    weir__tree_append(facts,
                      json_pack("{s:s,s:s,s:s}", "label", label, "value", value, "tone", tone));
}

static void add_number(json_t **facts, const char *label, const char *value, double amount,
                       const char *tone)
{
    weir__tree_append(facts, json_pack("{s:s,s:s,s:f,s:s}", "label", label, "value", value,
                                       "number", amount, "tone", tone));
}

static void add_duration(json_t **facts, const char *label, const json_t *of, const char *key)
{
    char value[REPORT_VALUE];

    if (!json_is_number(json_object_get(of, key)))
        return;
    report_duration(value, number(of, key));
    add_number(facts, label, value, number(of, key), plain);
}

static void add_size(json_t **facts, const char *label, const json_t *of, const char *key,
                     double unit)
{
    char value[REPORT_VALUE];

    if (!json_is_number(json_object_get(of, key)))
        return;
    report_size(value, number(of, key) * unit);
    add_number(facts, label, value, number(of, key) * unit, plain);
}

static void add_count(json_t **facts, const char *label, const json_t *of, const char *key,
                      const char *tone_of_some)
{
    char value[REPORT_VALUE];
    double amount = number(of, key);

    if (!json_is_number(json_object_get(of, key)))
        return;
    snprintf(value, sizeof value, "%.0f", amount);
    add_number(facts, label, value, amount, amount > 0 ? tone_of_some : plain);
}

/* What is shown only if there is any. */
static void add_some(json_t **facts, const char *label, const json_t *of, const char *key,
                     const char *tone)
{
    if (number(of, key) > 0)
        add_count(facts, label, of, key, tone);
}

static void add_text(json_t **facts, const char *label, const json_t *of, const char *key)
{
    const char *text = text_of(of, key, "");

    if (*text != '\0')
        add_fact(facts, label, text, plain);
}

/* "2026-01-02 03:04:05 UTC", as far as it is a time. */
static void add_start(json_t **facts, const json_t *document)
{
    const char *at = text_of(document, "started_at", "");
    char text[REPORT_VALUE];

    if (strlen(at) != sizeof "2026-01-02T03:04:05.678Z" - 1 || at[10] != 'T')
        return;
    weir__sentence(text, sizeof text, "%.10s %.8s UTC", at, at + 11);
    add_fact(facts, "started", text, plain);
}

static void add_section(json_t **sections, const char *type, const char *title, json_t *rows)
{
    if (json_array_size(rows) > 0 || rows == NULL)
        weir__tree_append(sections,
                          json_pack("{s:s,s:s,s:o}", "type", type, "title", title, "rows", rows));
    else
        json_decref(rows);
}

static void add_bars(json_t **sections, const char *title, double span, const char *unit,
                     json_t *rows)
{
    if (json_array_size(rows) > 0 || rows == NULL)
        weir__tree_append(sections,
                          json_pack("{s:s,s:s,s:f,s:s,s:o}", "type", "bars", "title", title, "span",
                                    span > 0 ? span : 1, "unit", unit, "rows", rows));
    else
        json_decref(rows);
}

static void add_bar(json_t **rows, const char *label, double start, double length, const char *tone,
                    const char *note)
{
    weir__tree_append(rows, json_pack("{s:s,s:f,s:f,s:s,s:s}", "label", label, "start", start,
                                      "length", length, "tone", tone, "note", note));
}

/* Drops the columns in which no row has anything. */
static void drop_empty(json_t *columns, const json_t *rows)
{
    for (size_t j = json_array_size(columns); j-- > 0;) {
        int is_empty = 1;

        for (size_t i = 0; i < json_array_size(rows); i++)
            is_empty &= *text_of(json_array_get(json_array_get(rows, i), j), "value", "") == '\0';
        for (size_t i = 0; i < json_array_size(rows) && is_empty; i++)
            json_array_remove(json_array_get(rows, i), j);
        if (is_empty)
            json_array_remove(columns, j);
    }
}

static void add_table(json_t **sections, const char *title, json_t *columns, json_t *rows)
{
    if (json_array_size(rows) > 0 && columns != NULL)
        drop_empty(columns, rows);
    if (json_array_size(rows) > 0 || rows == NULL || columns == NULL) {
        weir__tree_append(sections, json_pack("{s:s,s:s,s:o,s:o}", "type", "table", "title", title,
                                              "columns", columns, "rows", rows));
        return;
    }
    json_decref(rows);
    json_decref(columns);
}

static void add_cell(json_t **row, const char *text)
{
    weir__tree_append(row, json_pack("{s:s}", "value", text));
}

static void add_cell_number(json_t **row, const char *text, double amount)
{
    weir__tree_append(row, json_pack("{s:s,s:f}", "value", text, "number", amount));
}

static void add_cell_count(json_t **row, const json_t *of, const char *key)
{
    char value[REPORT_VALUE];

    snprintf(value, sizeof value, "%.0f", number(of, key));
    add_cell_number(row, value, number(of, key));
}

static void add_cell_duration(json_t **row, const json_t *of, const char *key)
{
    char value[REPORT_VALUE];

    report_duration(value, number(of, key));
    add_cell_number(row, value, number(of, key));
}

static void add_cell_kib(json_t **row, const json_t *of, const char *key)
{
    char value[REPORT_VALUE];

    report_size(value, number(of, key) * 1024);
    add_cell_number(row, value, number(of, key));
}

static void add_words(json_t **facts, const char *label, const json_t *list)
{
    struct weir__buffer text = {0};
    int status = 0;
    char *words;

    for (size_t i = 0; i < json_array_size(list) && status == 0; i++) {
        const char *word = json_string_value(json_array_get(list, i));

        word = word != NULL ? word : "(bytes)";
        if (i > 0)
            status = weir__buffer_add(&text, " ", 1, NULL);
        if (status == 0)
            status = weir__buffer_add(&text, word, strlen(word), NULL);
    }
    words = status == 0 && text.length > 0 ? weir__buffer_take(&text, NULL) : NULL;
    if (words != NULL || status != 0)
        weir__tree_append(
            facts, json_pack("{s:s,s:s,s:s}", "label", label, "value", words, "tone", plain));
    free(words);
    weir__buffer_clear(&text);
}

static void add_output(json_t **sections, const char *name, const json_t *of, const char *key)
{
    const char *text = text_of(json_object_get(of, key), "text", "");
    char title[300];

    weir__sentence(title, sizeof title, "%s of %s", key, name);
    if (*text != '\0')
        weir__tree_append(sections,
                          json_pack("{s:s,s:s,s:s}", "type", "text", "title", title, "text", text));
}

static json_t *model_of(const char *title, const char *verdict, const char *tone, json_t *sections)
{
    return json_pack("{s:s,s:s,s:s,s:o}", "title", title, "verdict", verdict, "tone", tone,
                     "sections", sections);
}

/* How a child ended, such as "exited with 2" or "timeout, killed by SIGTERM". */
static const char *ending(char text[REPORT_VALUE * 2], const json_t *child)
{
    const char *end = text_of(child, "end", ""), *why = text_of(child, "why", "none");
    const char *comma = strcmp(why, "none") != 0 ? ", " : "";
    size_t size = (size_t)REPORT_VALUE * 2;

    if (*comma == '\0')
        why = "";
    if (strcmp(end, "exited") == 0)
        weir__sentence(text, size, "%s%sexited with %.0f", why, comma, number(child, "code"));
    else if (strcmp(end, "signaled") == 0)
        weir__sentence(text, size, "%s%skilled by %s", why, comma,
                       text_of(child, "signal", "a signal"));
    else if (strcmp(end, "not_started") == 0)
        weir__sentence(text, size, "did not start: %s", text_of(child, "errno", "?"));
    else
        weir__sentence(text, size, "its status is unknown");
    return text;
}

static int is_well(const json_t *child)
{
    return strcmp(text_of(child, "end", ""), "exited") == 0 && number(child, "code") == 0
           && strcmp(text_of(child, "why", "none"), "none") == 0;
}

/* --- weir run ----------------------------------------------------------------- */

static json_t *model_run(const json_t *document)
{
    json_t *facts = json_array(), *sections = json_array();
    const json_t *argv = json_object_get(document, "argv");
    const char *name = json_string_value(json_array_get(argv, 0));
    char ended[REPORT_VALUE * 2];

    add_words(&facts, "command", argv);
    add_text(&facts, "directory", document, "cwd");
    add_start(&facts, document);
    add_duration(&facts, "time", document, "wall_ms");
    add_duration(&facts, "user CPU", document, "user_ms");
    add_duration(&facts, "system CPU", document, "system_ms");
    add_size(&facts, "peak memory", document, "max_rss_kb", 1024);
    add_size(&facts, "stdout", json_object_get(document, "stdout"), "bytes", 1);
    add_size(&facts, "stderr", json_object_get(document, "stderr"), "bytes", 1);
    add_words(&facts, "stopped with", json_object_get(document, "stopped_with"));
    add_section(&sections, "facts", "Summary", facts);
    add_output(&sections, name != NULL ? name : "it", document, "stderr");
    add_output(&sections, name != NULL ? name : "it", document, "stdout");
    return model_of("weir run", ending(ended, document), is_well(document) ? good : bad, sections);
}

/* --- weir pipe ----------------------------------------------------------------- */

static const char *verdict_of(char *text, size_t size, const json_t *document)
{
    const json_t *decided = json_object_get(document, "decided_by");
    const char *reason = text_of(document, "reason", "");

    if (json_is_true(json_object_get(document, "ok")))
        return "succeeded";
    if (json_is_object(decided))
        weir__sentence(text, size, "failed: %s: %s", text_of(decided, "stage", ""),
                       text_of(decided, "reason", ""));
    else
        weir__sentence(text, size, "failed%s%s", *reason != '\0' ? ": " : "", reason);
    return text;
}

static json_t *model_pipe(const json_t *document)
{
    json_t *facts = json_array(), *sections = json_array(), *bars = json_array(),
           *rows = json_array();
    const json_t *stages = json_object_get(document, "stages");
    char verdict[400], ended[REPORT_VALUE * 2], took[REPORT_VALUE];

    add_start(&facts, document);
    add_duration(&facts, "time", document, "wall_ms");
    add_count(&facts, "status", document, "status", bad);
    add_section(&sections, "facts", "Summary", facts);
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *stage = json_array_get(stages, i);
        const char *name = text_of(stage, "name", "?");
        int is_fine = is_well(stage) || json_is_true(json_object_get(stage, "forgiven"));
        json_t *row = json_array();

        report_duration(took, number(stage, "wall_ms"));
        add_bar(&bars, name, 0, number(stage, "wall_ms"), is_fine ? good : bad, took);
        add_cell(&row, name);
        add_cell(&row, ending(ended, stage));
        add_cell_duration(&row, stage, "wall_ms");
        add_cell_duration(&row, stage, "user_ms");
        add_cell_duration(&row, stage, "system_ms");
        add_cell_kib(&row, stage, "max_rss_kb");
        if (json_is_number(json_object_get(stage, "bytes_out"))) {
            report_size(took, number(stage, "bytes_out"));
            add_cell_number(&row, took, number(stage, "bytes_out"));
        } else {
            add_cell(&row, "");
        }
        weir__tree_append(&rows, row);
    }
    add_bars(&sections, "Time of each stage", number(document, "wall_ms"), "ms", bars);
    add_table(&sections, "Stages",
              json_pack("[s,s,s,s,s,s,s]", "stage", "end", "time", "user CPU", "system CPU",
                        "peak memory", "output"),
              rows);
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *stage = json_array_get(stages, i);

        add_output(&sections, text_of(stage, "name", "?"), stage, "stderr");
    }
    return model_of("weir pipe", verdict_of(verdict, sizeof verdict, document),
                    json_is_true(json_object_get(document, "ok")) ? good : bad, sections);
}

/* --- weir map and weir each ---------------------------------------------------- */

static void add_latency(json_t **sections, const json_t *latency)
{
    static const char *const keys[] = {"p50", "p95", "p99", "max"};
    static const char *const labels[] = {"median", "95 %", "99 %", "longest"};
    json_t *bars = json_array();
    char took[REPORT_VALUE];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && json_is_object(latency); i++) {
        report_duration(took, number(latency, keys[i]));
        add_bar(&bars, labels[i], 0, number(latency, keys[i]), plain, took);
    }
    add_bars(sections, "Latency", number(latency, "max"), "ms", bars);
}

static void add_workers(json_t **sections, const json_t *workers)
{
    json_t *bars = json_array(), *rows = json_array();
    double most = 0;
    char label[REPORT_VALUE], note[REPORT_VALUE], ended[REPORT_VALUE * 2];

    for (size_t i = 0; i < json_array_size(workers); i++)
        if (number(json_array_get(workers, i), "records") > most)
            most = number(json_array_get(workers, i), "records");
    for (size_t i = 0; i < json_array_size(workers); i++) {
        const json_t *worker = json_array_get(workers, i);
        json_t *row = json_array();

        snprintf(label, sizeof label, "worker %.0f", number(worker, "slot"));
        snprintf(note, sizeof note, "%.0f", number(worker, "records"));
        add_bar(&bars, label, 0, number(worker, "records"), is_well(worker) ? good : bad, note);
        add_cell_number(&row, label, number(worker, "slot"));
        add_cell_count(&row, worker, "records");
        add_cell(&row, ending(ended, worker));
        add_cell_count(&row, worker, "starts");
        add_cell_duration(&row, worker, "wall_ms");
        add_cell_duration(&row, worker, "user_ms");
        add_cell_duration(&row, worker, "system_ms");
        add_cell_kib(&row, worker, "max_rss_kb");
        add_cell(&row, text_of(worker, "node", ""));
        weir__tree_append(&rows, row);
    }
    add_bars(sections, "Records of each worker", most, "records", bars);
    add_table(sections, "Workers",
              json_pack("[s,s,s,s,s,s,s,s,s]", "worker", "records", "end", "starts", "time",
                        "user CPU", "system CPU", "peak memory", "node"),
              rows);
}

static void add_slots(json_t **sections, const json_t *slots, double span)
{
    json_t *bars = json_array(), *rows = json_array();
    char label[REPORT_VALUE], note[REPORT_VALUE];

    for (size_t i = 0; i < json_array_size(slots); i++) {
        const json_t *slot = json_array_get(slots, i);
        json_t *row = json_array();

        snprintf(label, sizeof label, "slot %.0f", number(slot, "slot") + 1);
        snprintf(note, sizeof note, "%.0f %% busy",
                 span > 0 ? 100 * number(slot, "busy_ms") / span : 0);
        add_bar(&bars, label, 0, number(slot, "busy_ms"), number(slot, "failed") > 0 ? bad : good,
                note);
        add_cell_number(&row, label, number(slot, "slot"));
        add_cell_count(&row, slot, "jobs");
        add_cell_count(&row, slot, "failed");
        add_cell_duration(&row, slot, "busy_ms");
        add_cell(&row, text_of(slot, "node", ""));
        weir__tree_append(&rows, row);
    }
    add_bars(sections, "Time that each slot was busy", span, "ms", bars);
    add_table(sections, "Slots",
              json_pack("[s,s,s,s,s]", "slot", "programs", "failed", "busy", "node"), rows);
}

static json_t *model_map(const json_t *document)
{
    json_t *facts = json_array(), *sections = json_array();
    const json_t *in = json_object_get(document, "in");
    double wall_ms = number(document, "wall_ms"), answered = number(document, "answered");
    const char *kind = text_of(document, "kind", "map");
    char verdict[400], value[REPORT_VALUE], title[32];

    add_start(&facts, document);
    add_duration(&facts, "time", document, "wall_ms");
    add_count(&facts, "status", document, "status", bad);
    add_count(&facts, "records", in, "records", plain);
    add_size(&facts, "input", in, "bytes", 1);
    add_size(&facts, "output", json_object_get(document, "out"), "bytes", 1);
    add_count(&facts, "answered", document, "answered", plain);
    if (wall_ms > 0) {
        snprintf(value, sizeof value, "%.0f", answered * 1000 / wall_ms);
        add_number(&facts, "answered a second", value, answered * 1000 / wall_ms, plain);
    }
    add_some(&facts, "dropped", document, "dropped", plain);
    add_count(&facts, "dead", document, "dead", bad);
    add_some(&facts, "unsettled", document, "unsettled", bad);
    add_some(&facts, "invalid", in, "invalid", bad);
    add_some(&facts, "oversize", in, "oversize", bad);
    add_some(&facts, "retries", document, "retries", plain);
    add_some(&facts, "redelivered", document, "redelivered", plain);
    add_some(&facts, "crashes", document, "crashes", bad);
    add_some(&facts, "timeouts", document, "timeouts", bad);
    if (number(json_object_get(document, "reorder"), "stall_ms") > 0)
        add_duration(&facts, "stalled by order", json_object_get(document, "reorder"), "stall_ms");
    add_section(&sections, "facts", "Summary", facts);
    add_workers(&sections, json_object_get(document, "workers"));
    add_slots(&sections, json_object_get(document, "jobs"), wall_ms);
    add_latency(&sections, json_object_get(document, "latency_ms"));
    weir__sentence(title, sizeof title, "weir %s", kind);
    return model_of(title, verdict_of(verdict, sizeof verdict, document),
                    json_is_true(json_object_get(document, "ok")) ? good : bad, sections);
}

/* --- weir serve: the result of weir/stats --------------------------------------- */

/* How many calls took how long, of all methods. */
static void add_histogram(json_t **sections, const json_t *document)
{
    const json_t *bounds = json_object_get(document, "bounds_ms");
    size_t count = json_array_size(bounds);
    double counts[65] = {0}, most = 0;
    json_t *bars = json_array();
    const char *name;
    json_t *method;

    if (count > 64)
        count = 64;
    json_object_foreach(json_object_get(document, "methods"), name, method)
    {
        const json_t *buckets = json_object_get(method, "buckets");

        for (size_t i = 0; i <= count; i++)
            counts[i] += json_number_value(json_array_get(buckets, i));
    }
    for (size_t i = 0; i <= count; i++)
        most = counts[i] > most ? counts[i] : most;
    for (size_t i = 0; i <= count && most > 0; i++) {
        char label[REPORT_VALUE + 16], took[REPORT_VALUE], note[REPORT_VALUE];

        report_duration(took, json_number_value(json_array_get(bounds, i < count ? i : count - 1)));
        snprintf(label, sizeof label, "%s %s", i < count ? "up to" : "over", took);
        snprintf(note, sizeof note, "%.0f", counts[i]);
        add_bar(&bars, label, 0, counts[i], plain, note);
    }
    add_bars(sections, "Calls by time", most, "calls", bars);
}

static json_t *model_stats(const json_t *document)
{
    json_t *facts = json_array(), *sections = json_array(), *rows = json_array(),
           *methods = json_array();
    const json_t *workers = json_object_get(document, "workers");
    const char *name;
    json_t *method;
    char verdict[REPORT_VALUE * 2];

    add_count(&facts, "calls", document, "calls", plain);
    add_count(&facts, "errors", document, "errors", bad);
    add_count(&facts, "queued", document, "queued", plain);
    add_count(&facts, "running", document, "running", plain);
    add_count(&facts, "restarts", document, "restarts", bad);
    add_section(&sections, "facts", "Summary", facts);
    add_latency(&sections, json_object_get(document, "latency_ms"));
    add_histogram(&sections, document);
    json_object_foreach(json_object_get(document, "methods"), name, method)
    {
        json_t *row = json_array();

        add_cell(&row, name);
        add_cell_count(&row, method, "calls");
        add_cell_count(&row, method, "errors");
        add_cell_duration(&row, json_object_get(method, "latency_ms"), "p50");
        add_cell_duration(&row, json_object_get(method, "latency_ms"), "p99");
        weir__tree_append(&methods, row);
    }
    add_table(&sections, "Methods",
              json_pack("[s,s,s,s,s]", "method", "calls", "errors", "median", "99 %"), methods);
    for (size_t i = 0; i < json_array_size(workers); i++) {
        const json_t *worker = json_array_get(workers, i);
        json_t *row = json_array();

        add_cell_count(&row, worker, "pid");
        add_cell(&row, text_of(worker, "state", ""));
        add_cell_count(&row, worker, "calls");
        add_cell_kib(&row, worker, "rss_kb");
        add_cell(&row, text_of(worker, "node", ""));
        weir__tree_append(&rows, row);
    }
    add_table(&sections, "Workers",
              json_pack("[s,s,s,s,s]", "pid", "state", "calls", "memory", "node"), rows);
    snprintf(verdict, sizeof verdict, "%.0f calls, %.0f errors", number(document, "calls"),
             number(document, "errors"));
    return model_of("weir serve", verdict, number(document, "errors") > 0 ? bad : good, sections);
}

/* --- weir probe --compare --------------------------------------------------------- */

static json_t *model_comparison(const json_t *document)
{
    json_t *facts = json_array(), *sections = json_array(), *rows = json_array();
    const json_t *differences = json_object_get(document, "differences");
    int is_ok = json_is_true(json_object_get(document, "ok"));

    add_count(&facts, "not allowed", document, "beyond", bad);
    add_count(&facts, "allowed", document, "within", plain);
    add_text(&facts, "environment", document, "env");
    add_section(&sections, "facts", "Summary", facts);
    for (size_t i = 0; i < json_array_size(differences); i++) {
        const json_t *one = json_array_get(differences, i);
        json_t *row = json_array();

        add_cell(&row, text_of(one, "place", ""));
        add_cell(&row, text_of(one, "kind", ""));
        for (int side = 0; side < 2; side++) {
            const json_t *value = json_object_get(one, side == 0 ? "a" : "b");
            char *text =
                value != NULL ? weir__tree_text(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

            if (value == NULL)
                add_cell(&row, "");
            else
                weir__tree_append(&row, json_pack("{s:s}", "value", text));
            free(text);
        }
        add_cell(&row, json_is_true(json_object_get(one, "within")) ? "yes" : "no");
        weir__tree_append(&rows, row);
    }
    add_table(&sections, "Differences",
              json_pack("[s,s,s,s,s]", "place", "kind", "first", "second", "allowed"), rows);
    return model_of("weir probe --compare",
                    is_ok ? "no difference is too large" : "some differences are not allowed",
                    is_ok ? good : bad, sections);
}

/* --- Kinds ------------------------------------------------------------------------- */

static const struct {
    const char *kind;
    json_t *(*model)(const json_t *document);
} kinds[] = {
    {"run", model_run},
    {"pipe", model_pipe},
    {"map", model_map},
    {"each", model_map},
    {"comparison", model_comparison},
};

json_t *report_model(const json_t *document, struct weir_error *error)
{
    const char *kind = text_of(document, "kind", "");
    json_t *(*make)(const json_t *) = NULL;
    json_t *model;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].kind, kind) == 0 && number(document, "weir") == 1)
            make = kinds[i].model;
    if (make == NULL && json_is_object(json_object_get(document, "latency_ms"))
        && json_is_array(json_object_get(document, "workers")) && *kind == '\0')
        make = model_stats;
    if (make == NULL) {
        weir__fail(error, WEIR_ERR_INVALID, 0,
                   "is not a document that can be shown: a report of run, pipe, map or each, a "
                   "comparison of probe, or the result of weir/stats");
        return NULL;
    }
    model = make(document);
    if (model == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a report");
    return model;
}
