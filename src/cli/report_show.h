/* cli/report_show.h - a model (cli/report_model.h) as text for a terminal, and as a page. */
#ifndef WEIR_CLI_REPORT_SHOW_H
#define WEIR_CLI_REPORT_SHOW_H

#include <jansson.h>

/* Prints it on standard output, for a terminal of this width. */
void report_text(const json_t *model, int width);

/* One HTML page that loads nothing from elsewhere.  names: the files it is made of, "" for none.
 * The caller owns it.  Returns NULL when memory is short. */
char *report_page(const json_t *model, const char *names);

/* Prints facts and tables as Markdown on standard output. */
void report_markdown(const json_t *model);

#endif
