#include "config.h"

#include "cli/report_chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/report_value.h"

enum {
    TICKS = 4,   /* at most, beside that at 0 */
    MARGIN = 90, /* percent: a text beyond ends at its mark */
    WIDTH = 1000,
    HEIGHT = 100, /* the browser makes it as wide as there is room */
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* The steps of time in which people count, and the unit that they are written in. */
static const struct {
    double unit; /* in ms */
    const char *name;
    double steps[6]; /* of the unit */
} times[] = {
    {1e3, " s", {1, 2, 5, 10, 20, 30}},
    {60e3, " min", {1, 2, 5, 10, 20, 30}},
    {3600e3, " h", {1, 2, 3, 6, 12}},
};

/* A round number that is not less: 1, 2 or 5 times a power of ten. */
static double round_step(double least)
{
    double ten = pow(10, floor(log10(least)));

    return ten >= least ? ten : 2 * ten >= least ? 2 * ten : 5 * ten >= least ? 5 * ten : 10 * ten;
}

/* The distance of the marks on an axis, and the unit that it is written in. */
static double step_for(double span, int is_time, double *unit, const char **name)
{
    double least = span / TICKS;

    *unit = 1;
    *name = is_time ? " ms" : "";
    if (!is_time || least <= 500)
        return round_step(least);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        for (size_t j = 0; j < sizeof times[i].steps / sizeof times[i].steps[0]; j++)
            if (times[i].steps[j] * times[i].unit >= least) {
                *unit = times[i].unit;
                *name = times[i].name;
                return times[i].steps[j] * times[i].unit;
            }
    *unit = 24 * 3600e3;
    *name = " d";
    return *unit * round_step(least / *unit);
}

void chart_put_scale(struct page *page, double span, const char *unit)
{
    const char *name;
    double of, step = step_for(span, strcmp(unit, "ms") == 0, &of, &name);
    int last = (int)floor(span / step * (1 + 1e-9));
    char text[REPORT_VALUE];

    page_put(page, "<svg class=\"where\" aria-hidden=\"true\" focusable=\"false\">");
    for (int i = 0; i <= last; i++) {
        double part = fmin(i * step / span * 100, 100);

        snprintf(text, sizeof text, "%.10g%s", i * step / of, i > 0 ? name : "");
        page_put_number(page, "<line x1=\"", part, "%\" ");
        page_put_number(page, "x2=\"", part, "%\" y1=\"0\" y2=\"5\"/>");
        page_put_number(page, i == 0 || i == last ? "<text x=\"" : "<text class=\"inner\" x=\"",
                        part, "%\" y=\"18\" text-anchor=\"");
        page_put(page, i == 0 ? "start\">" : part > MARGIN ? "end\">" : "middle\">");
        page_put_around(page, "", text, "</text>");
    }
    page_put(page, "<line class=\"cursor\" visibility=\"hidden\" y2=\"5\"/></svg>");
}

/* The steps of a series, as a line with gaps, or as an area down to 0. */
static void put_path(struct page *page, const json_t *one, double span, double most, int is_area)
{
    const json_t *at = json_object_get(one, "at"), *values = json_object_get(one, "values");
    double start = 0;
    int is_open = 0;

    page_put(page, is_area ? "<path class=\"area " : "<path class=\"line ");
    page_put_around(page, "", text_of(one, "tone"), "\" d=\"");
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        double end = json_number_value(json_array_get(at, i)) / span * WIDTH;
        double y = HEIGHT - json_number_value(value) / most * HEIGHT;

        if (json_is_number(value) && !is_open) {
            page_put_number(page, "M", start, "");
            page_put_number(page, " ", is_area ? HEIGHT : y, "");
        }
        if (json_is_number(value)) {
            page_put_number(page, "V", y, "");
            page_put_number(page, "H", end, "");
        } else if (is_open && is_area) {
            page_put_number(page, "V", HEIGHT, "");
        }
        is_open = json_is_number(value);
        start = end;
    }
    if (is_open && is_area)
        page_put_number(page, "V", HEIGHT, "");
    page_put(page, "\"/>");
}

/* What is under the pointer, for the script. */
static void put_values(struct page *page, const json_t *one, const char *unit)
{
    const json_t *at = json_object_get(one, "at"), *values = json_object_get(one, "values");
    char text[REPORT_VALUE];

    page_put_around(page, "<li class=\"", text_of(one, "tone"), "\" data-at=\"");
    for (size_t i = 0; i < json_array_size(at); i++)
        page_put_number(page, i > 0 ? " " : "", json_number_value(json_array_get(at, i)), "");
    page_put(page, "\" data-values=\"");
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);

        report_amount(text, json_number_value(value), unit);
        page_put_around(page, i > 0 ? "|" : "", json_is_number(value) ? text : "", "");
    }
    page_put_around(page, "\"><b>", text_of(one, "label"), "</b> <span>");
    page_put_around(page, "", text_of(one, "note"), "</span></li>\n");
}

static void put_axis(struct page *page, double most, const char *unit)
{
    char text[REPORT_VALUE];

    page_put(page, "<div class=\"axis\" aria-hidden=\"true\">");
    for (int i = 2; i >= 0; i--) {
        report_amount(text, most * i / 2, i > 0 ? unit : "");
        page_put_around(page, "<span>", text, "</span>");
    }
    page_put(page, "</div>");
}

void chart_put(struct page *page, const json_t *section)
{
    const json_t *series = json_object_get(section, "series");
    double span = number(section, "span"), most = number(section, "most");
    const char *unit = text_of(section, "unit");

    page_put_number(page, "<figure class=\"chart timed\" data-span=\"", span, "\">\n");
    put_axis(page, most, unit);
    page_put_around(page, "<div class=\"plot\"><svg role=\"img\" focusable=\"false\" aria-label=\"",
                    text_of(section, "title"), ", over time\">");
    page_put(page, "<line x2=\"100%\" y1=\"0\" y2=\"0\"/>"
                   "<line x2=\"100%\" y1=\"50%\" y2=\"50%\"/>"
                   "<line x2=\"100%\" y1=\"100%\" y2=\"100%\"/>");
    page_put_number(page, "<svg viewBox=\"0 0 ", WIDTH, "");
    page_put_number(page, " ", HEIGHT, "\" preserveAspectRatio=\"none\">");
    for (size_t i = 0; i < json_array_size(series); i++) {
        const json_t *one = json_array_get(series, i);

        if (json_is_true(json_object_get(one, "area")))
            put_path(page, one, span, most, 1);
        put_path(page, one, span, most, 0);
    }
    page_put(page, "</svg></svg>");
    chart_put_scale(page, span, "ms");
    page_put(page, "</div>\n<figcaption><ul class=\"keys\">\n");
    for (size_t i = 0; i < json_array_size(series); i++)
        put_values(page, json_array_get(series, i), unit);
    page_put(page, "</ul></figcaption>\n</figure>\n");
}
