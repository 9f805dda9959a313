/* A report as text. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/printable.h"
#include "cli/cli.h"
#include "cli/report_show.h"
#include "cli/spark.h"

enum {
    CELL_SIZE = 400, /* of a text in a table, escaped */
    COLUMNS = 16,
    BAR_LEAST = 10,
    BAR_MOST = 200,
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

/* Bars of a row, in columns of room; a later one covers an earlier one. */
static void put_row(const json_t *row, double span, int room)
{
    const json_t *bars = json_object_get(row, "bars");
    size_t count = bars != NULL ? json_array_size(bars) : 1;
    char line[BAR_MOST + 1];

    memset(line, ' ', sizeof line);
    for (size_t i = 0; i < count; i++) {
        const json_t *bar = bars != NULL ? json_array_get(bars, i) : row;
        double start = json_number_value(json_object_get(bar, "start"));
        double length = json_number_value(json_object_get(bar, "length"));
        int from = (int)(start / span * room), length_of = (int)(length / span * room + 0.5);

        from = from < 0 ? 0 : from > room - 1 ? room - 1 : from;
        length_of = length_of < 0 ? 0 : length_of > room - from ? room - from : length_of;
        memset(line + from, strcmp(text_of(bar, "tone"), "bad") == 0 ? '!' : '#',
               (size_t)length_of);
    }
    cli_put(stdout, "%.*s", room, line);
}

static void put_bars(const json_t *section, int width)
{
    const json_t *rows = json_object_get(section, "rows");
    double span = json_number_value(json_object_get(section, "span"));
    int labels = label_width(rows, "label"), notes = label_width(rows, "note");
    int room = width - labels - notes - 6;

    room = room < BAR_LEAST ? BAR_LEAST : room > BAR_MOST ? BAR_MOST : room;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        cli_put(stdout, "  ");
        put_cell(text_of(row, "label"), labels, 0);
        cli_put(stdout, "  ");
        put_row(row, span, room);
        cli_put(stdout, "  ");
        put_cell(text_of(row, "note"), notes, 1);
        cli_put(stdout, "\n");
    }
}

/* A series as a line of small bars, each the mean of an equal part of the time. */
static void put_line(const json_t *one, double span)
{
    const json_t *at = json_object_get(one, "at"), *values = json_object_get(one, "values");
    double sums[SPARK_VALUES] = {0}, lengths[SPARK_VALUES] = {0}, start = 0;
    struct spark spark = {0};
    struct weir__buffer text = {0};

    for (size_t i = 0; i < json_array_size(values); i++) {
        double end = json_number_value(json_array_get(at, i));

        for (int j = 0; j < SPARK_VALUES && json_is_number(json_array_get(values, i)); j++) {
            double from = span * j / SPARK_VALUES, to = span * (j + 1) / SPARK_VALUES;
            double shared = (to < end ? to : end) - (from > start ? from : start);

            if (shared <= 0)
                continue;
            sums[j] += shared * json_number_value(json_array_get(values, i));
            lengths[j] += shared;
        }
        start = end;
    }
    for (int j = 0; j < SPARK_VALUES; j++)
        spark_put(&spark, lengths[j] > 0 ? sums[j] / lengths[j] : 0);
    spark_draw(&spark, SPARK_VALUES, &text);
    cli_put(stdout, "%.*s", (int)text.length, text.bytes != NULL ? text.bytes : "");
    weir__buffer_clear(&text);
}

static void put_chart(const json_t *section)
{
    const json_t *series = json_object_get(section, "series");
    double span = json_number_value(json_object_get(section, "span"));
    int labels = label_width(series, "label");

    for (size_t i = 0; i < json_array_size(series); i++) {
        const json_t *one = json_array_get(series, i);

        cli_put(stdout, "  ");
        put_cell(text_of(one, "label"), labels, 0);
        cli_put(stdout, "  ");
        put_line(one, span);
        cli_put(stdout, "  %s\n", text_of(one, "note"));
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

        if (json_is_true(json_object_get(section, "page")))
            continue;
        fputc('\n', stdout);
        cli_put(stdout, "%s\n", text_of(section, "title"));
        if (strcmp(type, "facts") == 0)
            put_facts(json_object_get(section, "rows"));
        else if (strcmp(type, "bars") == 0)
            put_bars(section, width);
        else if (strcmp(type, "chart") == 0)
            put_chart(section);
        else if (strcmp(type, "table") == 0)
            put_table(section, width);
        else
            put_lines(text_of(section, "text"));
    }
}
