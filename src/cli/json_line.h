/* cli/json_line.h - what weir says on standard error to programs: a JSON object a
 * line, each with "kind" and "elapsed_ms". */
#ifndef WEIR_CLI_JSON_LINE_H
#define WEIR_CLI_JSON_LINE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* started_ns: what elapsed_ms counts from, by weir__clock_ns().  The caller owns it. */
json_t *json_line_begin(int64_t started_ns, const char *kind);

/* Takes object.  One write a line, so that lines of several programs do not mix. */
void json_line_print(json_t *object);

#endif
