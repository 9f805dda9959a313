/* A report as Markdown. What comes from the document cannot become markup. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/printable.h"
#include "cli/report_show.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static void put_text(const char *text)
{
    char shown[4096];
    size_t length = weir__printable(shown, sizeof shown, text, strlen(text), WEIR__ONE_LINE);

    for (size_t i = 0; i < length; i++) {
        if (strchr("\\`*_{}[]<>#|&!~", shown[i]) != NULL)
            fputc('\\', stdout);
        fputc(shown[i], stdout);
    }
}

static void put_row(const json_t *cells, int are_texts)
{
    fputs("|", stdout);
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const json_t *cell = json_array_get(cells, i);

        fputc(' ', stdout);
        put_text(are_texts ? json_string_value(cell) : text_of(cell, "value"));
        fputs(" |", stdout);
    }
    fputc('\n', stdout);
}

static void put_table(const json_t *section)
{
    const json_t *columns = json_object_get(section, "columns");
    const json_t *rows = json_object_get(section, "rows");

    put_row(columns, 1);
    fputs("|", stdout);
    for (size_t i = 0; i < json_array_size(columns); i++)
        fputs("---|", stdout);
    fputc('\n', stdout);
    for (size_t i = 0; i < json_array_size(rows); i++)
        put_row(json_array_get(rows, i), 0);
}

static void put_facts(const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        fputs("- ", stdout);
        put_text(text_of(json_array_get(rows, i), "label"));
        fputs(": ", stdout);
        put_text(text_of(json_array_get(rows, i), "value"));
        fputc('\n', stdout);
    }
}

void report_markdown(const json_t *model)
{
    const json_t *sections = json_object_get(model, "sections");

    fputs("# ", stdout);
    put_text(text_of(model, "title"));
    fputs(": ", stdout);
    put_text(text_of(model, "verdict"));
    fputc('\n', stdout);
    for (size_t i = 0; i < json_array_size(sections); i++) {
        const json_t *section = json_array_get(sections, i);

        fputs("\n## ", stdout);
        put_text(text_of(section, "title"));
        fputs("\n\n", stdout);
        if (strcmp(text_of(section, "type"), "facts") == 0)
            put_facts(json_object_get(section, "rows"));
        else
            put_table(section);
    }
}
