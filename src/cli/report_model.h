/* cli/report_model.h - what a report shows of a document, before it is text or a page.
 *
 *     {"title": "weir pipe", "verdict": "failed: sh: exited with 2", "tone": "bad",
 *      "sections": [
 *        {"type": "facts", "title": "Summary", "rows": [
 *            {"label": "time", "value": "89.6 ms", "number": 89.574, "tone": "plain"}]},
 *        {"type": "bars", "title": "Stages", "span": 89.574, "rows": [
 *            {"label": "seq", "start": 0, "length": 21.5, "tone": "good", "note": "21.6 ms"}]},
 *        {"type": "bars", "title": "Lives of the workers", "span": 89.574, "rows": [
 *            {"label": "worker 1", "note": "2 starts", "bars": [...]}]},
 *        {"type": "chart", "title": "Records a second", "span": 89.574, "unit": "/s", "most": 1000,
 *         "series": [{"label": "answered", "tone": "plain", "area": true, "note": "mean 900/s",
 *                     "at": [25, 50, 75, 89.574], "values": [800, 950, null, 900]}]},
 *        {"type": "table", "title": "Stages", "columns": ["stage", "time"], "rows": [
 *            [{"value": "seq"}, {"value": "21.6 ms", "number": 21.5}]]},
 *        {"type": "text", "title": "stderr of sh", "text": "bad\n"}]}
 *
 * A value of a chart holds from the end of the one before to its own place in "at", in
 * milliseconds; null: there is none.  A section with "page" is left out of text; with
 * "pairs" each row has two bars, of the two documents that are compared; rows with a "bound" are in
 * the order of it.  Numbers are for
 * sorting and comparing; bars are in milliseconds unless "unit" says otherwise. Texts are those of
 * the document: whoever shows them escapes them.
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

#endif
