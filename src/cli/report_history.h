/* cli/report_history.h - the model of weir serve over time: lines of weir top --json. */
#ifndef WEIR_CLI_REPORT_HISTORY_H
#define WEIR_CLI_REPORT_HISTORY_H

#include <stddef.h>

#include <jansson.h>

#include <weir/error.h>

/* Whether a text is several lines of that kind, rather than one document. */
int report_is_history(const char *text, size_t length);

/* The model of cli/report_model.h.  The caller owns it.  Returns NULL on failure.
 * Errors: INVALID, naming the line; NOMEM. */
json_t *report_history(const char *text, size_t length, struct weir_error *error);

#endif
