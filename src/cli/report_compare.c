/* What two documents differ in: their facts side by side, their lines over one another, and the
 * bars of the same name. */
#include "config.h"

#include "cli/report_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_tree.h"
#include "base/printable.h"
#include "cli/report_parts.h"

static const json_t *section_of(const json_t *model, const char *type, const char *title)
{
    const json_t *sections = json_object_get(model, "sections");

    for (size_t i = 0; i < json_array_size(sections); i++) {
        const json_t *section = json_array_get(sections, i);

        if (strcmp(json_string_value(json_object_get(section, "type")), type) == 0
            && strcmp(json_string_value(json_object_get(section, "title")), title) == 0)
            return section;
    }
    return NULL;
}

static const json_t *row_of(const json_t *section, const char *label)
{
    const json_t *rows = json_object_get(section, "rows");

    for (size_t i = 0; i < json_array_size(rows); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(rows, i), "label")), label)
            == 0)
            return json_array_get(rows, i);
    return NULL;
}

static const char *value_of(const json_t *row, const char *key)
{
    const char *value = json_string_value(json_object_get(row, key));

    return value != NULL ? value : "";
}

/* "+12.5 %"; "" where there is nothing to divide by. */
static json_t *change(const json_t *a, const json_t *b, const char *key)
{
    const json_t *before = json_object_get(a, key), *after = json_object_get(b, key);
    double was = json_number_value(before), is = json_number_value(after);
    char text[REPORT_VALUE] = "";

    if (!json_is_number(before) || !json_is_number(after))
        return json_pack("{s:s}", "value",
                         strcmp(value_of(a, "value"), value_of(b, "value")) == 0 ? "" : "differs");
    if (was == is)
        snprintf(text, sizeof text, "=");
    else if (was != 0)
        snprintf(text, sizeof text, "%+.1f %%", (is - was) / was * 100);
    else
        snprintf(text, sizeof text, "new");
    return json_pack("{s:s,s:f}", "value", text, "number", was != 0 ? (is - was) / was : is);
}

static json_t *compare_row(const char *label, const json_t *a, const json_t *b, const char *value,
                           const char *number)
{
    json_t *row = json_array();

    weir__tree_append(&row, json_pack("{s:s}", "value", label));
    weir__tree_append(&row, json_pack("{s:s}", "value", value_of(a, value)));
    weir__tree_append(&row, json_pack("{s:s}", "value", value_of(b, value)));
    weir__tree_append(&row, change(a, b, number));
    return row;
}

/* The rows of a's section beside those of b's, then those that only b has. */
static json_t *compare_rows(const json_t *a, const json_t *b, const char *value, const char *number)
{
    json_t *rows = json_array();

    for (int side = 0; side < 2; side++) {
        const json_t *list = json_object_get(side == 0 ? a : b, "rows");

        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *row = json_array_get(list, i);
            const char *label = value_of(row, "label");

            if (side == 0)
                weir__tree_append(&rows, compare_row(label, row, row_of(b, label), value, number));
            else if (row_of(a, label) == NULL)
                weir__tree_append(&rows, compare_row(label, NULL, row, value, number));
        }
    }
    return rows;
}

static void add_table(json_t **sections, const char *title, json_t *rows)
{
    weir__tree_append(sections,
                      json_pack("{s:s,s:s,s:[s,s,s,s],s:o}", "type", "table", "title", title,
                                "columns", "what", "first", "second", "change", "rows", rows));
}

static int has_line(const json_t *chart, const char *label)
{
    const json_t *lines = json_object_get(chart, "series");

    for (size_t i = 0; i < json_array_size(lines); i++)
        if (strcmp(value_of(json_array_get(lines, i), "label"), label) == 0)
            return 1;
    return 0;
}

/* --- Charts ---------------------------------------------------------------------- */

static const char *const sides[] = {"first", "second"};

/* A row with the bars of both documents. */
static void add_pair(json_t **rows, const json_t *sections[2], const char *label)
{
    json_t *bars = json_array();
    char note[2 * REPORT_VALUE];

    for (int side = 0; side < 2; side++) {
        const json_t *row = row_of(sections[side], label);

        weir__tree_append(
            &bars, json_pack("{s:f,s:f,s:s,s:s}", "start",
                             json_number_value(json_object_get(row, "start")), "length",
                             json_number_value(json_object_get(row, "length")), "tone", sides[side],
                             "note", row != NULL ? value_of(row, "note") : "none"));
    }
    snprintf(note, sizeof note, "%.50s, %.50s", value_of(json_array_get(bars, 0), "note"),
             value_of(json_array_get(bars, 1), "note"));
    weir__tree_append(rows, json_pack("{s:s,s:s,s:o}", "label", label, "note", note, "bars", bars));
}

static double bound_of(const json_t *row)
{
    return json_number_value(json_object_get(row, "bound"));
}

/* The bars of a section of both documents, pair by pair: those of a, with those that only b has
 * before the next greater bound, or at the end. */
static void add_bars(json_t **sections, const json_t *a, const json_t *b)
{
    const json_t *both[] = {a, b}, *more = a != NULL ? a : b;
    const json_t *firsts = json_object_get(a, "rows"), *seconds = json_object_get(b, "rows");
    json_t *rows = json_array();
    double span = fmax(json_number_value(json_object_get(a, "span")),
                       json_number_value(json_object_get(b, "span")));
    size_t next = 0;

    for (size_t i = 0; i <= json_array_size(firsts); i++) {
        const json_t *first = json_array_get(firsts, i), *second;

        while ((second = json_array_get(seconds, next)) != NULL
               && (first == NULL || bound_of(second) < bound_of(first))) {
            if (row_of(a, value_of(second, "label")) == NULL)
                add_pair(&rows, both, value_of(second, "label"));
            next++;
        }
        if (first != NULL)
            add_pair(&rows, both, value_of(first, "label"));
    }
    weir__tree_append(sections,
                      json_pack("{s:s,s:s,s:f,s:s,s:b,s:b,s:o}", "type", "bars", "title",
                                value_of(more, "title"), "span", span, "unit",
                                value_of(more, "unit"), "page", 1, "pairs", 1, "rows", rows));
}

/* A line of a chart in both documents, one over the other. */
static void add_overlay(json_t **sections, const json_t *a, const json_t *b, const char *label)
{
    const json_t *charts[] = {a, b}, *more = a != NULL ? a : b;
    json_t *series = json_array();
    double span = 0;
    char title[300];

    for (int side = 0; side < 2; side++) {
        const json_t *lines = json_object_get(charts[side], "series");

        span = fmax(span, json_number_value(json_object_get(charts[side], "span")));
        for (size_t i = 0; i < json_array_size(lines); i++) {
            json_t *line = json_array_get(lines, i), *copy;

            if (strcmp(value_of(line, "label"), label) != 0)
                continue;
            copy = weir__tree_copy(line);
            weir__tree_set(&copy, "label", json_string(sides[side]));
            weir__tree_set(&copy, "tone", json_string(sides[side]));
            weir__tree_set(&copy, "area", json_false());
            weir__tree_append(&series, copy);
        }
    }
    weir__sentence(title, sizeof title, "%s: %s", value_of(more, "title"), label);
    part_chart(sections, title, span, value_of(more, "unit"), series);
}

/* The lines of all charts that either has. */
static void add_charts(json_t **sections, const json_t *a, const json_t *b)
{
    for (int side = 0; side < 2; side++) {
        const json_t *list = json_object_get(side == 0 ? a : b, "sections");
        const json_t *others = side == 0 ? b : a;

        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *chart = json_array_get(list, i);
            const json_t *lines = json_object_get(chart, "series");
            const json_t *other = section_of(others, "chart", value_of(chart, "title"));

            for (size_t j = 0; j < json_array_size(lines); j++) {
                const char *label = value_of(json_array_get(lines, j), "label");

                if (side == 0)
                    add_overlay(sections, chart, other, label);
                else if (!has_line(other, label))
                    add_overlay(sections, other, chart, label);
            }
        }
    }
}

/* The bars that are compared; those without a table are in the summary, or too many. */
static const struct {
    const char *title;
    int has_table;
} compared[] = {
    {"Time", 0},
    {"Time of each stage", 1},
    {"Records of each worker", 1},
    {"Time that each slot was busy", 1},
    {"Latency", 1},
    {"Records by time", 0},
    {"Calls by time", 0},
};

json_t *report_compare(const json_t *a, const json_t *b, struct weir_error *error)
{
    json_t *sections = json_array(), *model;
    const char *title = value_of(a, "title");

    if (strcmp(title, value_of(b, "title")) != 0) {
        json_decref(sections);
        weir__fail(error, WEIR_ERR_INVALID, 0, "they are of different kinds: %s and %s", title,
                   value_of(b, "title"));
        return NULL;
    }
    add_table(&sections, "Summary",
              compare_rows(section_of(a, "facts", "Summary"), section_of(b, "facts", "Summary"),
                           "value", "number"));
    add_charts(&sections, a, b);
    for (size_t i = 0; i < sizeof compared / sizeof compared[0]; i++) {
        const char *name = compared[i].title;
        const json_t *first = section_of(a, "bars", name), *second = section_of(b, "bars", name);

        if (first != NULL || second != NULL)
            add_bars(&sections, first, second);
        if (compared[i].has_table && (first != NULL || second != NULL))
            add_table(&sections, name, compare_rows(first, second, "note", "length"));
    }
    model =
        json_pack("{s:s,s:s+++,s:s,s:o}", "title", title, "verdict",
                  "first: ", value_of(a, "verdict"), "; second: ", value_of(b, "verdict"), "tone",
                  strcmp(value_of(b, "tone"), "bad") == 0 ? "bad" : "good", "sections", sections);
    if (model == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a comparison");
    return model;
}
