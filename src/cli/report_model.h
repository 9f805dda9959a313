/* cli/report_model.h - what a report shows of a document, before it is text or a page.
 *
 *     {"title": "weir pipe", "verdict": "failed: sh: exited with 2", "tone": "bad",
 *      "sections": [
 *        {"type": "facts", "title": "Summary", "rows": [
 *            {"label": "time", "value": "89.6 ms", "number": 89.574, "tone": "plain"}]},
 *        {"type": "bars", "title": "Stages", "span": 89.574, "rows": [
 *            {"label": "seq", "start": 0, "length": 21.5, "tone": "good", "note": "21.6 ms"}]},
 *        {"type": "table", "title": "Stages", "columns": ["stage", "time"], "rows": [
 *            [{"value": "seq"}, {"value": "21.6 ms", "number": 21.5}]]},
 *        {"type": "text", "title": "stderr of sh", "text": "bad\n"}]}
 *
 * Numbers are for sorting and comparing; bars are in milliseconds unless "unit" says otherwise.
 * Texts are those of the document: whoever shows them escapes them.
 */
#ifndef WEIR_CLI_REPORT_MODEL_H
#define WEIR_CLI_REPORT_MODEL_H

#include <jansson.h>

#include <weir/error.h>

/* The caller owns it.  Returns NULL on failure.  Errors: INVALID: it is no document of weir's;
 * NOMEM.
 */
json_t *report_model(const json_t *document, struct weir_error *error);

/* The model of what two documents of the same kind differ in.  a and b are their models.
 * Errors: INVALID, NOMEM. */
json_t *report_compare(const json_t *a, const json_t *b, struct weir_error *error);

enum { REPORT_VALUE = 64 }; /* room for a value in words */

/* "1.24 s", "3 min 20 s"; "1.5 MiB". */
void report_duration(char text[REPORT_VALUE], double ms);
void report_size(char text[REPORT_VALUE], double bytes);

#endif
