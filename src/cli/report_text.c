/* A report as text. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/printable.h"
#include "cli/cli.h"
#include "cli/report_show.h"

enum {
    CELL_SIZE = 400, /* of a text in a table, escaped */
    COLUMNS = 16,
    BAR_LEAST = 10,
    WIDE = 132, /* a table is a table up to here, whatever the terminal */
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* The characters of UTF-8 text; those of two columns count as one. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* Prints text as one line, filled up to width. */
static void put_cell(const char *text, int width, int is_right)
{
    char shown[CELL_SIZE];
    int gap;

    weir__printable(shown, sizeof shown, text, strlen(text), WEIR__ONE_LINE);
    gap = width - width_of(shown);
    cli_put(stdout, "%*s%s%*s", is_right && gap > 0 ? gap : 0, "", shown,
            !is_right && gap > 0 ? gap : 0, "");
}

static int cell_width(const char *text)
{
    char shown[CELL_SIZE];

    weir__printable(shown, sizeof shown, text, strlen(text), WEIR__ONE_LINE);
    return width_of(shown);
}

static int label_width(const json_t *rows, const char *key)
{
    int width = 0;

    for (size_t i = 0; i < json_array_size(rows); i++) {
        int one = cell_width(text_of(json_array_get(rows, i), key));

        width = one > width ? one : width;
    }
    return width;
}

static void put_facts(const json_t *rows)
{
    int width = label_width(rows, "label");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        cli_put(stdout, "  ");
        put_cell(text_of(row, "label"), width, 0);
        cli_put(stdout, "  ");
        put_cell(text_of(row, "value"), 0, 0);
        cli_put(stdout, "\n");
    }
}

static void put_bars(const json_t *section, int width)
{
    const json_t *rows = json_object_get(section, "rows");
    double span = json_number_value(json_object_get(section, "span"));
    int labels = label_width(rows, "label"), notes = label_width(rows, "note");
    int room = width - labels - notes - 6;

    if (room < BAR_LEAST)
        room = BAR_LEAST;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        double start = json_number_value(json_object_get(row, "start"));
        double length = json_number_value(json_object_get(row, "length"));
        int from = (int)(start / span * room), count = (int)(length / span * room + 0.5);

        from = from < 0 ? 0 : from > room - 1 ? room - 1 : from;
        count = count > room - from ? room - from : count;
        cli_put(stdout, "  ");
        put_cell(text_of(row, "label"), labels, 0);
        cli_put(stdout, "  %*s", from, "");
        for (int j = 0; j < count; j++)
            fputc(strcmp(text_of(row, "tone"), "bad") == 0 ? '!' : '#', stdout);
        cli_put(stdout, "%*s", room - from - count + 2, "");
        put_cell(text_of(row, "note"), notes, 1);
        cli_put(stdout, "\n");
    }
}

/* A table that is too wide: a paragraph for each row. */
static void put_rows(const json_t *columns, const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        for (size_t j = 0; j < json_array_size(row); j++) {
            const char *text = text_of(json_array_get(row, j), "value");

            if (*text == '\0')
                continue;
            if (j == 0)
                cli_put(stdout, "  %s\n", text);
            else
                cli_put(stdout, "      %s: %s\n", json_string_value(json_array_get(columns, j)),
                        text);
        }
    }
}

static void put_table(const json_t *section, int width)
{
    const json_t *columns = json_object_get(section, "columns");
    const json_t *rows = json_object_get(section, "rows");
    size_t count = json_array_size(columns);
    int widths[COLUMNS] = {0}, is_right[COLUMNS] = {0}, total = 0;

    count = count > COLUMNS ? COLUMNS : count;
    for (size_t i = 0; i < count; i++)
        widths[i] = cell_width(json_string_value(json_array_get(columns, i)));
    for (size_t i = 0; i < json_array_size(rows); i++)
        for (size_t j = 0; j < count; j++) {
            const json_t *cell = json_array_get(json_array_get(rows, i), j);
            int one = cell_width(text_of(cell, "value"));

            widths[j] = one > widths[j] ? one : widths[j];
            is_right[j] |= j > 0 && json_is_number(json_object_get(cell, "number"));
        }
    for (size_t j = 0; j < count; j++)
        total += widths[j] + 2;
    if (total > width && total > WIDE) {
        put_rows(columns, rows);
        return;
    }
    for (size_t i = 0; i < json_array_size(rows) + 1; i++) {
        cli_put(stdout, "  ");
        for (size_t j = 0; j < count; j++) {
            const char *text =
                i == 0 ? json_string_value(json_array_get(columns, j))
                       : text_of(json_array_get(json_array_get(rows, i - 1), j), "value");

            put_cell(text, j + 1 < count || is_right[j] ? widths[j] : 0, is_right[j]);
            fputs(j + 1 < count ? "  " : "\n", stdout);
        }
    }
}

static void put_lines(const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        fputs("  ", stdout);
        weir__printable_put(stdout, text, length, WEIR__ONE_LINE);
        fputc('\n', stdout);
        text += length + (text[length] == '\n');
    }
}

void report_text(const json_t *model, int width)
{
    const json_t *sections = json_object_get(model, "sections");

    cli_put(stdout, "%s: %s\n", text_of(model, "title"), text_of(model, "verdict"));
    for (size_t i = 0; i < json_array_size(sections); i++) {
        const json_t *section = json_array_get(sections, i);
        const char *type = text_of(section, "type");

        fputc('\n', stdout);
        cli_put(stdout, "%s\n", text_of(section, "title"));
        if (strcmp(type, "facts") == 0)
            put_facts(json_object_get(section, "rows"));
        else if (strcmp(type, "bars") == 0)
            put_bars(section, width);
        else if (strcmp(type, "table") == 0)
            put_table(section, width);
        else
            put_lines(text_of(section, "text"));
    }
}
