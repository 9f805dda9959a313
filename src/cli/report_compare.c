/* What two documents differ in: their facts side by side, and the bars of the same name. */
#include "config.h"

#include "cli/report_model.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_tree.h"

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
                                "columns", "", "first", "second", "change", "rows", rows));
}

json_t *report_compare(const json_t *a, const json_t *b, struct weir_error *error)
{
    static const char *const bars[] = {"Time of each stage", "Records of each worker",
                                       "Time that each slot was busy", "Latency"};
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
    for (size_t i = 0; i < sizeof bars / sizeof bars[0]; i++) {
        const json_t *first = section_of(a, "bars", bars[i]),
                     *second = section_of(b, "bars", bars[i]);

        if (first != NULL || second != NULL)
            add_table(&sections, bars[i], compare_rows(first, second, "note", "length"));
    }
    model =
        json_pack("{s:s,s:s+++,s:s,s:o}", "title", title, "verdict",
                  "first: ", value_of(a, "verdict"), "; second: ", value_of(b, "verdict"), "tone",
                  strcmp(value_of(b, "tone"), "bad") == 0 ? "bad" : "good", "sections", sections);
    if (model == NULL)
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a comparison");
    return model;
}
