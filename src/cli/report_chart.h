/* cli/report_chart.h - a section of the type "chart" of cli/report_model.h on a page: SVG that
 * needs no script. */
#ifndef WEIR_CLI_REPORT_CHART_H
#define WEIR_CLI_REPORT_CHART_H

#include <jansson.h>

#include "cli/page.h"

void chart_put(struct page *page, const json_t *section);

/* The scale under bars or a chart. */
void chart_put_scale(struct page *page, double span, const char *unit);

#endif
