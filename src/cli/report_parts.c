#include "config.h"

#include "cli/report_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_tree.h"
#include "base/printable.h"

enum { HISTOGRAM_BARS = 24 };

const char part_good[] = "good", part_bad[] = "bad", part_plain[] = "plain";

/* Whatever somebody wrote, sums stay numbers. */
static double number(const json_t *value)
{
    const double most = 1e15;

    return fmax(-most, fmin(most, json_number_value(value)));
}

double part_number_of(const json_t *object, const char *key)
{
    return number(json_object_get(object, key));
}

double part_number_at(const json_t *array, size_t index)
{
    return number(json_array_get(array, index));
}

const char *part_text_of(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : otherwise;
}

/* --- Parts of the model --------------------------------------------------------- */

void part_fact(json_t **facts, const char *label, const char *value, const char *tone)
{
    weir__tree_append(facts,
                      json_pack("{s:s,s:s,s:s}", "label", label, "value", value, "tone", tone));
}

void part_number(json_t **facts, const char *label, const char *value, double amount,
                 const char *tone)
{
    weir__tree_append(facts, json_pack("{s:s,s:s,s:f,s:s}", "label", label, "value", value,
                                       "number", amount, "tone", tone));
}

void part_duration(json_t **facts, const char *label, const json_t *of, const char *key)
{
    char value[REPORT_VALUE];

    if (!json_is_number(json_object_get(of, key)))
        return;
    report_duration(value, part_number_of(of, key));
    part_number(facts, label, value, part_number_of(of, key), part_plain);
}

void part_size(json_t **facts, const char *label, const json_t *of, const char *key, double unit)
{
    char value[REPORT_VALUE];

    if (!json_is_number(json_object_get(of, key)))
        return;
    report_size(value, part_number_of(of, key) * unit);
    part_number(facts, label, value, part_number_of(of, key) * unit, part_plain);
}

void part_count(json_t **facts, const char *label, const json_t *of, const char *key,
                const char *tone_of_some)
{
    char value[REPORT_VALUE];
    double amount = part_number_of(of, key);

    if (!json_is_number(json_object_get(of, key)))
        return;
    snprintf(value, sizeof value, "%.0f", amount);
    part_number(facts, label, value, amount, amount > 0 ? tone_of_some : part_plain);
}

/* What is shown only if there is any. */
void part_some(json_t **facts, const char *label, const json_t *of, const char *key,
               const char *tone)
{
    if (part_number_of(of, key) > 0)
        part_count(facts, label, of, key, tone);
}

void part_text(json_t **facts, const char *label, const json_t *of, const char *key)
{
    const char *text = part_text_of(of, key, "");

    if (*text != '\0')
        part_fact(facts, label, text, part_plain);
}

/* "2026-01-02 03:04:05 UTC", as far as it is a time. */
void part_start(json_t **facts, const json_t *document)
{
    const char *at = part_text_of(document, "started_at", "");
    char text[REPORT_VALUE];

    if (strlen(at) != sizeof "2026-01-02T03:04:05.678Z" - 1 || at[10] != 'T')
        return;
    weir__sentence(text, sizeof text, "%.10s %.8s UTC", at, at + 11);
    part_fact(facts, "started", text, part_plain);
}

void part_section(json_t **sections, const char *type, const char *title, json_t *rows)
{
    if (json_array_size(rows) > 0 || rows == NULL)
        weir__tree_append(sections,
                          json_pack("{s:s,s:s,s:o}", "type", type, "title", title, "rows", rows));
    else
        json_decref(rows);
}

void part_bars(json_t **sections, const char *title, double span, const char *unit, json_t *rows)
{
    if (json_array_size(rows) > 0 || rows == NULL)
        weir__tree_append(sections,
                          json_pack("{s:s,s:s,s:f,s:s,s:o}", "type", "bars", "title", title, "span",
                                    span > 0 ? span : 1, "unit", unit, "rows", rows));
    else
        json_decref(rows);
}

void part_bar(json_t **rows, const char *label, double start, double length, const char *tone,
              const char *note)
{
    weir__tree_append(rows, json_pack("{s:s,s:f,s:f,s:s,s:s}", "label", label, "start", start,
                                      "length", length, "tone", tone, "note", note));
}

void part_row(json_t **rows, const char *label, const char *note, json_t *bars)
{
    weir__tree_append(rows, json_pack("{s:s,s:s,s:o}", "label", label, "note", note, "bars", bars));
}

/* Drops the columns in which no row has anything. */
static void drop_empty(json_t *columns, const json_t *rows)
{
    for (size_t j = json_array_size(columns); j-- > 0;) {
        int is_empty = 1;

        for (size_t i = 0; i < json_array_size(rows); i++)
            is_empty &=
                *part_text_of(json_array_get(json_array_get(rows, i), j), "value", "") == '\0';
        for (size_t i = 0; i < json_array_size(rows) && is_empty; i++)
            json_array_remove(json_array_get(rows, i), j);
        if (is_empty)
            json_array_remove(columns, j);
    }
}

void part_table(json_t **sections, const char *title, json_t *columns, json_t *rows)
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

void part_cell(json_t **row, const char *text)
{
    weir__tree_append(row, json_pack("{s:s}", "value", text));
}

void part_cell_number(json_t **row, const char *text, double amount)
{
    weir__tree_append(row, json_pack("{s:s,s:f}", "value", text, "number", amount));
}

void part_cell_count(json_t **row, const json_t *of, const char *key)
{
    char value[REPORT_VALUE];

    snprintf(value, sizeof value, "%.0f", part_number_of(of, key));
    part_cell_number(row, value, part_number_of(of, key));
}

void part_cell_duration(json_t **row, const json_t *of, const char *key)
{
    char value[REPORT_VALUE];

    report_duration(value, part_number_of(of, key));
    part_cell_number(row, value, part_number_of(of, key));
}

void part_cell_kib(json_t **row, const json_t *of, const char *key)
{
    char value[REPORT_VALUE];

    report_size(value, part_number_of(of, key) * 1024);
    part_cell_number(row, value, part_number_of(of, key));
}

void part_words(json_t **facts, const char *label, const json_t *list)
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
            facts, json_pack("{s:s,s:s,s:s}", "label", label, "value", words, "tone", part_plain));
    free(words);
    weir__buffer_clear(&text);
}

static void add_lines(json_t **sections, const char *title, const char *text)
{
    weir__tree_append(sections,
                      json_pack("{s:s,s:s,s:s}", "type", "text", "title", title, "text", text));
}

void part_output(json_t **sections, const char *name, const json_t *of, const char *key)
{
    const char *text = part_text_of(json_object_get(of, key), "text", "");
    char title[300];

    weir__sentence(title, sizeof title, "%s of %s", key, name);
    if (*text != '\0')
        add_lines(sections, title, text);
}

/* --- Charts ------------------------------------------------------------------ */

/* "mean 900/s, most 1234/s"; times have no mean: they are percentiles. */
static void describe_line(char *note, size_t size, const double *ends, const double *values,
                          size_t count, const char *unit)
{
    double sum = 0, length = 0, least = INFINITY, most = 0;
    char low[REPORT_VALUE], high[REPORT_VALUE];

    for (size_t i = 0; i < count; i++) {
        double step = ends[i] - (i > 0 ? ends[i - 1] : 0);

        if (!isfinite(values[i]))
            continue;
        sum += values[i] * step;
        length += step;
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    report_amount(high, most, unit);
    if (strcmp(unit, "ms") == 0) {
        report_amount(low, isinf(least) ? 0 : least, unit);
        snprintf(note, size, "%s to %s", low, high);
    } else {
        report_amount(low, length > 0 ? sum / length : 0, unit);
        snprintf(note, size, "mean %s, most %s", low, high);
    }
}

void part_line(json_t **series, const char *label, const char *tone, int is_area,
               const double *ends, const double *values, size_t count, const char *unit)
{
    json_t *at = json_array(), *list = json_array();
    char note[2 * REPORT_VALUE + 20];

    for (size_t i = 0; i < count; i++) {
        weir__tree_append(&at, json_real(ends[i]));
        weir__tree_append(&list, !isfinite(values[i]) ? json_null() : json_real(values[i]));
    }
    describe_line(note, sizeof note, ends, values, count, unit);
    weir__tree_append(series, json_pack("{s:s,s:s,s:b,s:s,s:o,s:o}", "label", label, "tone", tone,
                                        "area", is_area, "note", note, "at", at, "values", list));
}

/* A round number that is not less: the top of an axis. */
static double round_up(double most, const char *unit)
{
    static const double steps[] = {1, 2, 3, 4, 5, 6, 8, 10};
    double unit_of_ten;
    size_t i = 0;

    if (!(most > 0))
        return 1;
    if (strcmp(unit, "bytes") == 0)
        return exp2(ceil(log2(most)));
    if (strcmp(unit, "") == 0 && most <= 10)
        return 2 * ceil(most / 2);
    unit_of_ten = pow(10, floor(log10(most)));
    while (i + 1 < sizeof steps / sizeof steps[0] && steps[i] * unit_of_ten < most)
        i++;
    return steps[i] * unit_of_ten;
}

void part_chart(json_t **sections, const char *title, double span_ms, const char *unit,
                json_t *series)
{
    double most = 0;

    for (size_t i = 0; i < json_array_size(series); i++) {
        const json_t *values = json_object_get(json_array_get(series, i), "values");

        for (size_t j = 0; j < json_array_size(values); j++)
            most = fmax(most, json_number_value(json_array_get(values, j)));
    }
    if (json_array_size(series) > 0 || series == NULL)
        weir__tree_append(sections,
                          json_pack("{s:s,s:s,s:f,s:s,s:f,s:o}", "type", "chart", "title", title,
                                    "span", span_ms > 0 ? span_ms : 1, "unit", unit, "most",
                                    round_up(most, unit), "series", series));
    else
        json_decref(series);
}

void part_latency(json_t **sections, const json_t *latency)
{
    static const char *const keys[] = {"p50", "p95", "p99", "max"};
    static const char *const labels[] = {"median", "95 %", "99 %", "longest"};
    json_t *bars = json_array();
    char took[REPORT_VALUE];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && json_is_object(latency); i++) {
        report_duration(took, part_number_of(latency, keys[i]));
        part_bar(&bars, labels[i], 0, part_number_of(latency, keys[i]), part_plain, took);
    }
    part_bars(sections, "Latency", part_number_of(latency, "max"), "ms", bars);
}

/* --- Histograms --------------------------------------------------------------------- */

static void add_bucket(json_t **bars, const char *label, double bound, double count)
{
    char note[REPORT_VALUE];

    snprintf(note, sizeof note, "%.0f", count);
    weir__tree_append(bars,
                      json_pack("{s:s,s:f,s:f,s:s,s:s,s:f}", "label", label, "start", 0.0, "length",
                                count, "tone", part_plain, "note", note, "bound", bound));
}

void part_histogram(json_t **sections, const char *title, const char *unit, const double *bounds,
                    const double *counts, size_t count, double over)
{
    size_t first = 0, end = count, width;
    double most = over, sum;
    json_t *bars = json_array();
    char label[REPORT_VALUE + 16], took[REPORT_VALUE];

    while (over <= 0 && end > 0 && counts[end - 1] <= 0)
        end--;
    while (first < end && counts[first] <= 0)
        first++;
    width = (end - first + HISTOGRAM_BARS - 1) / HISTOGRAM_BARS;
    for (size_t i = first; i < end; i += width) {
        size_t next = i + width < end ? i + width : end;

        sum = 0;
        for (size_t j = i; j < next; j++)
            sum += counts[j];
        most = fmax(most, sum);
        report_duration(took, bounds[next - 1]);
        snprintf(label, sizeof label, "up to %s", took);
        add_bucket(&bars, label, bounds[next - 1], sum);
    }
    if (over > 0 && count > 0) {
        report_duration(took, bounds[count - 1]);
        snprintf(label, sizeof label, "over %s", took);
        add_bucket(&bars, label, bounds[count - 1] + 1, over);
    }
    part_bars(sections, title, most, unit, bars);
}

/* --- In words --------------------------------------------------------------------- */

const char *part_ending(char *text, size_t size, const json_t *child)
{
    const char *end = part_text_of(child, "end", ""), *why = part_text_of(child, "why", "none");
    const char *comma = strcmp(why, "none") != 0 ? ", " : "";

    if (*comma == '\0')
        why = "";
    if (strcmp(end, "exited") == 0)
        weir__sentence(text, size, "%s%sexited with %.0f", why, comma,
                       part_number_of(child, "code"));
    else if (strcmp(end, "signaled") == 0)
        weir__sentence(text, size, "%s%skilled by %s", why, comma,
                       part_text_of(child, "signal", "a signal"));
    else if (strcmp(end, "not_started") == 0)
        weir__sentence(text, size, "did not start: %s", part_text_of(child, "errno", "?"));
    else
        weir__sentence(text, size, "its status is unknown");
    return text;
}

int part_is_well(const json_t *child)
{
    return strcmp(part_text_of(child, "end", ""), "exited") == 0
           && part_number_of(child, "code") == 0
           && strcmp(part_text_of(child, "why", "none"), "none") == 0;
}

const char *part_verdict(char *text, size_t size, const json_t *document)
{
    const json_t *decided = json_object_get(document, "decided_by");
    const char *reason = part_text_of(document, "reason", "");

    if (json_is_true(json_object_get(document, "ok")))
        return "succeeded";
    if (json_is_object(decided))
        weir__sentence(text, size, "failed: %s: %s", part_text_of(decided, "stage", ""),
                       part_text_of(decided, "reason", ""));
    else
        weir__sentence(text, size, "failed%s%s", *reason != '\0' ? ": " : "", reason);
    return text;
}

/* --- The whole -------------------------------------------------------------------- */

json_t *part_model(const char *title, const char *verdict, const char *tone, json_t *sections)
{
    return json_pack("{s:s,s:s,s:s,s:o}", "title", title, "verdict", verdict, "tone", tone,
                     "sections", sections);
}
