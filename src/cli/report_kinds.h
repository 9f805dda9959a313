/* cli/report_kinds.h - the models of documents that have files of their own.  They are NULL when
 * memory is short. */
#ifndef WEIR_CLI_REPORT_KINDS_H
#define WEIR_CLI_REPORT_KINDS_H

#include <jansson.h>

/* report_map.c: the report of weir map or weir each. */
json_t *report_map_model(const json_t *document);

/* Adds what a pipeline's report shows of the map of a stage. */
void report_map_stage(json_t **sections, const char *stage, const json_t *map);

/* report_serve.c: the result of weir/stats. */
json_t *report_serve_model(const json_t *document);

#endif
