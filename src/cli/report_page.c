/* A report as a page: report.html around what is made here.  Everything that comes from the
 * document goes through page_put_escaped(). */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "cli/page.h"
#include "cli/report_chart.h"
#include "cli/report_show.h"

/* Made from report.html at build. */
static const char template[] = {
#include "cli/report.inc"
    0};

enum { WIDE = 40 };                  /* a fact that is longer gets a line of its own */
static const double BAR_LEAST = 0.4; /* percent, so that it is seen */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* --- Sections ----------------------------------------------------------------- */

static void put_facts(struct page *page, const json_t *rows)
{
    page_put(page, "<dl>\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        page_put(page, strlen(text_of(row, "value")) > WIDE ? "<div class=\"wide\">" : "<div>");
        page_put_around(page, "<dt>", text_of(row, "label"), "</dt>");
        page_put_around(page, "<dd class=\"", text_of(row, "tone"), "\">");
        page_put_around(page, "", text_of(row, "value"), "</dd></div>\n");
    }
    page_put(page, "</dl>\n");
}

/* Where a bar is in its row. */
struct place {
    int y, height;
};

static void put_bar(struct page *page, const json_t *bar, double span, const char *label,
                    struct place place)
{
    double start = number(bar, "start") / span * 100, length = number(bar, "length") / span * 100;

    if (length <= 0)
        return;
    length = length < BAR_LEAST ? BAR_LEAST : length > 100 ? 100 : length;
    start = start < 0 ? 0 : start > 100 - length ? 100 - length : start;
    page_put_around(page, "<rect class=\"", text_of(bar, "tone"), "\" rx=\"3\"");
    page_put_number(page, " y=\"", place.y, "\"");
    page_put_number(page, " height=\"", place.height, "\"");
    page_put_number(page, " x=\"", start, "%\"");
    page_put_number(page, " width=\"", length, "%\"><title>");
    page_put_around(page, "", label, ": ");
    page_put_around(page, "", text_of(bar, "note"), "</title></rect>");
}

static void put_notes(struct page *page, const json_t *row, int are_pairs)
{
    const json_t *bars = json_object_get(row, "bars");

    page_put(page, "<td class=\"n\">");
    for (size_t i = 0; i < json_array_size(bars) && are_pairs; i++)
        page_put_around(page, "<span>", text_of(json_array_get(bars, i), "note"), "</span>");
    if (!are_pairs)
        page_put_text(page, text_of(row, "note"));
    page_put(page, "</td></tr>\n");
}

/* One after the other, or one above the other. */
static void put_bars_of_row(struct page *page, const json_t *row, double span, int are_pairs)
{
    static const struct place whole = {0, 20}, halves[] = {{0, 14}, {16, 14}};
    const json_t *bars = json_object_get(row, "bars");
    const char *label = text_of(row, "label");

    for (size_t i = 0; i < json_array_size(bars); i++)
        put_bar(page, json_array_get(bars, i), span, label, are_pairs ? halves[i % 2] : whole);
    if (bars == NULL)
        put_bar(page, row, span, label, whole);
}

static void put_bars(struct page *page, const json_t *section)
{
    const json_t *rows = json_object_get(section, "rows");
    double span = number(section, "span");
    const char *unit = text_of(section, "unit");
    int are_pairs = json_is_true(json_object_get(section, "pairs"));

    page_put(page, "<table class=\"bars");
    page_put(page, strcmp(unit, "ms") == 0 ? " timed" : "");
    page_put(page, are_pairs ? " pairs" : "");
    page_put_number(page, "\" data-span=\"", span, "\"><tbody>\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        page_put_around(page, "<tr><th scope=\"row\">", text_of(row, "label"),
                        "</th><td><svg role=\"img\" focusable=\"false\" aria-label=\"");
        page_put_around(page, "", text_of(row, "note"),
                        "\"><rect class=\"back\" width=\"100%\" height=\"100%\" rx=\"3\"/>");
        put_bars_of_row(page, row, span, are_pairs);
        page_put(page, "</svg></td>");
        put_notes(page, row, are_pairs);
    }
    page_put(page, "<tr><td></td><td>");
    chart_put_scale(page, span, unit);
    page_put(page, "</td><td></td></tr>\n</tbody></table>\n");
    if (are_pairs)
        page_put(page, "<ul class=\"keys\"><li class=\"first\"><b>first</b></li>"
                       "<li class=\"second\"><b>second</b></li></ul>\n");
}

/* name: of its column, shown before it where there is no room for a head. */
static void put_cell(struct page *page, const json_t *cell, const char *name, int is_first)
{
    int has_number = json_is_number(json_object_get(cell, "number"));

    page_put(page, is_first ? "<th scope=\"row\"" : has_number ? "<td class=\"n\"" : "<td");
    if (has_number)
        page_put_number(page, " data-n=\"", number(cell, "number"), "\"");
    if (!is_first)
        page_put_around(page, " data-name=\"", name, "\"");
    page_put_around(page, ">", text_of(cell, "value"), is_first ? "</th>" : "</td>");
}

static void put_table(struct page *page, const json_t *section)
{
    const json_t *columns = json_object_get(section, "columns");
    const json_t *rows = json_object_get(section, "rows");
    const json_t *first = json_array_get(rows, 0);

    page_put(page, "<div class=\"scroll\"><table class=\"sorts\"><thead><tr>");
    for (size_t j = 0; j < json_array_size(columns); j++)
        page_put_around(page,
                        j > 0 && json_is_number(json_object_get(json_array_get(first, j), "number"))
                            ? "<th scope=\"col\" class=\"n\">"
                            : "<th scope=\"col\">",
                        json_string_value(json_array_get(columns, j)), "</th>");
    page_put(page, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        page_put(page, "<tr>");
        for (size_t j = 0; j < json_array_size(row); j++)
            put_cell(page, json_array_get(row, j), json_string_value(json_array_get(columns, j)),
                     j == 0);
        page_put(page, "</tr>\n");
    }
    page_put(page, "</tbody></table></div>\n");
}

static void put_section(struct page *page, const json_t *section)
{
    const char *type = text_of(section, "type");

    page_put_around(page, "<section>\n<h2>", text_of(section, "title"), "</h2>\n");
    if (strcmp(type, "facts") == 0) {
        put_facts(page, json_object_get(section, "rows"));
    } else if (strcmp(type, "bars") == 0) {
        put_bars(page, section);
    } else if (strcmp(type, "chart") == 0) {
        chart_put(page, section);
    } else if (strcmp(type, "table") == 0) {
        put_table(page, section);
    } else {
        page_put(page, "<pre tabindex=\"0\">");
        page_put_escaped(page, text_of(section, "text"), WEIR__KEEP_LINES);
        page_put(page, "</pre>\n");
    }
    page_put(page, "</section>\n");
}

static void put_body(struct page *page, const json_t *model, const char *names)
{
    const json_t *sections = json_object_get(model, "sections");

    page_put_around(page, "<header>\n<h1>", text_of(model, "title"), "</h1>\n<p class=\"verdict ");
    page_put_around(page, "", text_of(model, "tone"), "\">");
    page_put_around(page, "", text_of(model, "verdict"), "</p>\n");
    if (*names != '\0')
        page_put_around(page, "<p class=\"names\">", names, "</p>\n");
    page_put(page, "</header>\n");
    for (size_t i = 0; i < json_array_size(sections); i++)
        put_section(page, json_array_get(sections, i));
    page_put(page, "<footer>Made by weir " PACKAGE_VERSION ".</footer>");
}

char *report_page(const json_t *model, const char *names)
{
    static const char title_mark[] = "{{title}}", body_mark[] = "{{body}}";
    const char *title = strstr(template, title_mark), *body = strstr(template, body_mark);
    struct page page = {0};
    char *text = NULL;

    page_put_bytes(&page, template, (size_t)(title - template));
    page_put_around(&page, "", text_of(model, "title"), ": ");
    page_put_text(&page, text_of(model, "verdict"));
    title += sizeof title_mark - 1;
    page_put_bytes(&page, title, (size_t)(body - title));
    put_body(&page, model, names);
    page_put(&page, body + sizeof body_mark - 1);
    if (page.failed == 0)
        text = weir__buffer_take(&page.text, NULL);
    weir__buffer_clear(&page.text);
    return text;
}
