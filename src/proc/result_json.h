/* proc/result_json.h - results as JSON documents. */
#ifndef WEIR_PROC_RESULT_JSON_H
#define WEIR_PROC_RESULT_JSON_H

#include <jansson.h>

#include <weir/result.h>
#include <weir/text.h>

/* Derives an output's text from its bytes.  Errors: CHARSET, NOMEM. */
int weir__output_decode(struct weir_output *output, const char *charset,
                        enum weir_on_error on_error, const char *fallback,
                        struct weir_error *error);

/* Parts of the documents; new references, NULL when memory is short. */
json_t *weir__output_json(const struct weir_output *output);
json_t *weir__result_fields(const struct weir_result *result);

/* Prints a document in one line with a newline; takes it.  The caller owns the
 * text; NULL when memory is short. */
char *weir__json_print(json_t *takes);

#endif
