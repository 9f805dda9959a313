/* A report as a page: report.html around what is made here.  Everything that comes from the
 * document goes through put_escaped(). */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/printable.h"
#include "cli/report_model.h"
#include "cli/report_show.h"

/* Made from report.html at build. */
static const char template[] = {
#include "cli/report.inc"
    0};

enum {
    TICKS = 4,
    WIDE = 40, /* a fact that is longer gets a line of its own */
};

/* All zero is an empty page; the first failure sticks. */
struct page {
    struct weir__buffer text;
    int failed;
};

static void put_bytes(struct page *page, const char *text, size_t length)
{
    if (page->failed == 0)
        page->failed = weir__buffer_add(&page->text, text, length, NULL);
}

static void put(struct page *page, const char *text)
{
    put_bytes(page, text, strlen(text));
}

/* Text of others: what could move the cursor or reorder the text is made visible, what HTML means
 * is written as text. */
static void put_escaped(struct page *page, const char *text, enum weir__breaks breaks)
{
    size_t length = strlen(text), size = length * 10 + 1;
    char *shown = malloc(size);

    if (shown == NULL) {
        page->failed = -1;
        return;
    }
    length = weir__printable(shown, size, text, length, breaks);
    for (size_t i = 0; i < length; i++)
        switch (shown[i]) {
        case '&':
            put(page, "&amp;");
            break;
        case '<':
            put(page, "&lt;");
            break;
        case '>':
            put(page, "&gt;");
            break;
        case '"':
            put(page, "&quot;");
            break;
        case '\'':
            put(page, "&#39;");
            break;
        default:
            put_bytes(page, shown + i, 1);
        }
    free(shown);
}

static void put_text(struct page *page, const char *text)
{
    put_escaped(page, text, WEIR__ONE_LINE);
}

/* Between two pieces of markup. */
static void put_around(struct page *page, const char *before, const char *text, const char *after)
{
    put(page, before);
    put_text(page, text);
    put(page, after);
}

static void put_number(struct page *page, const char *before, double number, const char *after)
{
    char digits[64];

    snprintf(digits, sizeof digits, "%.6g", number);
    put(page, before);
    put(page, digits);
    put(page, after);
}

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
    put(page, "<dl>\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        put(page, strlen(text_of(row, "value")) > WIDE ? "<div class=\"wide\">" : "<div>");
        put_around(page, "<dt>", text_of(row, "label"), "</dt>");
        put_around(page, "<dd class=\"", text_of(row, "tone"), "\">");
        put_around(page, "", text_of(row, "value"), "</dd></div>\n");
    }
    put(page, "</dl>\n");
}

/* The scale under the bars. */
static void put_scale(struct page *page, double span, const char *unit)
{
    int is_time = strcmp(unit, "ms") == 0;
    char text[REPORT_VALUE];

    put(page, "<tr><th></th><td><svg class=\"where\" aria-hidden=\"true\" focusable=\"false\">");
    for (int i = 0; i <= TICKS; i++) {
        double at = span * i / TICKS;

        if (is_time)
            report_duration(text, at);
        else
            snprintf(text, sizeof text, "%.*f", span < TICKS ? 1 : 0, at);
        put_number(page, "<line x1=\"", i * 100.0 / TICKS, "%\" ");
        put_number(page, "x2=\"", i * 100.0 / TICKS, "%\" y1=\"0\" y2=\"5\"/>");
        put_number(page, i % 2 == 0 ? "<text x=\"" : "<text class=\"odd\" x=\"", i * 100.0 / TICKS,
                   "%\" y=\"18\" text-anchor=\"");
        put(page, i == 0 ? "start\">" : i == TICKS ? "end\">" : "middle\">");
        put_around(page, "", text, "</text>");
    }
    put(page,
        "<line class=\"cursor\" visibility=\"hidden\" y1=\"-4000\" y2=\"5\"/>"
        "<text class=\"cursor\" visibility=\"hidden\" y=\"-6\"></text></svg></td><td></td></tr>\n");
}

static void put_bars(struct page *page, const json_t *section)
{
    const json_t *rows = json_object_get(section, "rows");
    double span = number(section, "span");

    put_number(page, "<table class=\"bars\" data-span=\"", span, "\"");
    put_around(page, " data-unit=\"", text_of(section, "unit"), "\"><tbody>\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        double length = number(row, "length") / span * 100;

        put_around(page, "<tr><th scope=\"row\">", text_of(row, "label"),
                   "</th><td><svg role=\"img\" focusable=\"false\" aria-label=\"");
        put_around(page, "", text_of(row, "note"),
                   "\"><rect class=\"back\" width=\"100%\" height=\"20\" rx=\"3\"/><rect class=\"");
        put_around(page, "", text_of(row, "tone"), "\" height=\"20\" rx=\"3\" ");
        put_number(page, "x=\"", number(row, "start") / span * 100, "%\" ");
        put_number(page, "width=\"",
                   length < 0.2 && length > 0 ? 0.2
                   : length > 100             ? 100
                                              : length,
                   "%\"><title>");
        put_around(page, "", text_of(row, "label"), ": ");
        put_around(page, "", text_of(row, "note"), "</title></rect></svg></td><td class=\"n\">");
        put_around(page, "", text_of(row, "note"), "</td></tr>\n");
    }
    put_scale(page, span, text_of(section, "unit"));
    put(page, "</tbody></table>\n");
}

static void put_cell(struct page *page, const json_t *cell, size_t column)
{
    int has_number = json_is_number(json_object_get(cell, "number"));

    put(page, column == 0 ? "<th scope=\"row\"" : "<td");
    if (has_number && column > 0)
        put(page, " class=\"n\"");
    if (has_number)
        put_number(page, " data-n=\"", number(cell, "number"), "\"");
    put_around(page, ">", text_of(cell, "value"), column == 0 ? "</th>" : "</td>");
}

static void put_table(struct page *page, const json_t *section)
{
    const json_t *columns = json_object_get(section, "columns");
    const json_t *rows = json_object_get(section, "rows");
    const json_t *first = json_array_get(rows, 0);

    put(page, "<div class=\"scroll\"><table class=\"sorts\"><thead><tr>");
    for (size_t j = 0; j < json_array_size(columns); j++)
        put_around(page,
                   j > 0 && json_is_number(json_object_get(json_array_get(first, j), "number"))
                       ? "<th scope=\"col\" class=\"n\">"
                       : "<th scope=\"col\">",
                   json_string_value(json_array_get(columns, j)), "</th>");
    put(page, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        put(page, "<tr>");
        for (size_t j = 0; j < json_array_size(row); j++)
            put_cell(page, json_array_get(row, j), j);
        put(page, "</tr>\n");
    }
    put(page, "</tbody></table></div>\n");
}

static void put_section(struct page *page, const json_t *section)
{
    const char *type = text_of(section, "type");

    put_around(page, "<section>\n<h2>", text_of(section, "title"), "</h2>\n");
    if (strcmp(type, "facts") == 0) {
        put_facts(page, json_object_get(section, "rows"));
    } else if (strcmp(type, "bars") == 0) {
        put_bars(page, section);
    } else if (strcmp(type, "table") == 0) {
        put_table(page, section);
    } else {
        put(page, "<pre tabindex=\"0\">");
        put_escaped(page, text_of(section, "text"), WEIR__KEEP_LINES);
        put(page, "</pre>\n");
    }
    put(page, "</section>\n");
}

static void put_body(struct page *page, const json_t *model, const char *names)
{
    const json_t *sections = json_object_get(model, "sections");

    put_around(page, "<header>\n<h1>", text_of(model, "title"), "</h1>\n<p class=\"verdict ");
    put_around(page, "", text_of(model, "tone"), "\">");
    put_around(page, "", text_of(model, "verdict"), "</p>\n");
    if (*names != '\0')
        put_around(page, "<p class=\"names\">", names, "</p>\n");
    put(page, "</header>\n");
    for (size_t i = 0; i < json_array_size(sections); i++)
        put_section(page, json_array_get(sections, i));
    put(page, "<footer>Made by weir " PACKAGE_VERSION ".</footer>");
}

char *report_page(const json_t *model, const char *names)
{
    static const char title_mark[] = "{{title}}", body_mark[] = "{{body}}";
    const char *title = strstr(template, title_mark), *body = strstr(template, body_mark);
    struct page page = {0};
    char *text = NULL;

    put_bytes(&page, template, (size_t)(title - template));
    put_around(&page, "", text_of(model, "title"), ": ");
    put_text(&page, text_of(model, "verdict"));
    title += sizeof title_mark - 1;
    put_bytes(&page, title, (size_t)(body - title));
    put_body(&page, model, names);
    put(&page, body + sizeof body_mark - 1);
    if (page.failed == 0)
        text = weir__buffer_take(&page.text, NULL);
    weir__buffer_clear(&page.text);
    return text;
}
