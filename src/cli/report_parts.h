/* cli/report_parts.h - the parts that a model of cli/report_model.h is made of.
 *
 * The first argument is the list that something is added to; as in base/json_tree.h it becomes
 * NULL when memory is short.
 */
#ifndef WEIR_CLI_REPORT_PARTS_H
#define WEIR_CLI_REPORT_PARTS_H

#include <stddef.h>

#include <jansson.h>

#include "cli/report_value.h"

extern const char part_good[], part_bad[], part_plain[]; /* tones */

/* Members of a document; 0 or otherwise where there is none of that type. */
double part_number_of(const json_t *object, const char *key);
double part_number_at(const json_t *array, size_t index);
const char *part_text_of(const json_t *object, const char *key, const char *otherwise);

/* How a child ended, such as "exited with 2" or "timeout, killed by SIGTERM". */
const char *part_ending(char *text, size_t size, const json_t *child);
int part_is_well(const json_t *child);

/* The sentence about the document of a pipeline or a map. */
const char *part_verdict(char *text, size_t size, const json_t *document);

/* --- Facts ------------------------------------------------------------------ */

void part_fact(json_t **facts, const char *label, const char *value, const char *tone);
void part_number(json_t **facts, const char *label, const char *value, double amount,
                 const char *tone);

/* Those of a member of a document, if it has it. */
void part_duration(json_t **facts, const char *label, const json_t *of, const char *key);
void part_size(json_t **facts, const char *label, const json_t *of, const char *key, double unit);
void part_count(json_t **facts, const char *label, const json_t *of, const char *key,
                const char *tone_of_some);
void part_some(json_t **facts, const char *label, const json_t *of, const char *key,
               const char *tone); /* not 0 */
void part_text(json_t **facts, const char *label, const json_t *of, const char *key);
void part_start(json_t **facts, const json_t *document);
void part_words(json_t **facts, const char *label, const json_t *list);

/* --- Bars and tables ----------------------------------------------------------- */

void part_bar(json_t **rows, const char *label, double start, double length, const char *tone,
              const char *note);

/* A row with several bars, which it takes: rows that part_bar() made. */
void part_row(json_t **rows, const char *label, const char *note, json_t *bars);

void part_cell(json_t **row, const char *text);
void part_cell_number(json_t **row, const char *text, double amount);
void part_cell_count(json_t **row, const json_t *of, const char *key);
void part_cell_duration(json_t **row, const json_t *of, const char *key);
void part_cell_kib(json_t **row, const json_t *of, const char *key);

/* --- Charts ------------------------------------------------------------------ */

/* Adds a line, or an area, of count steps.  ends: where each ends on the x axis; values: NAN for
 * none. */
void part_line(json_t **series, const char *label, const char *tone, int is_area,
               const double *ends, const double *values, size_t count, const char *unit);

/* --- Sections: nothing is added where there are no rows, which are taken --------------- */

void part_section(json_t **sections, const char *type, const char *title, json_t *rows);
void part_bars(json_t **sections, const char *title, double span, const char *unit, json_t *rows);
void part_table(json_t **sections, const char *title, json_t *columns, json_t *rows);
void part_chart(json_t **sections, const char *title, double span_ms, const char *unit,
                json_t *series);
/* How many took how long: counts of those up to each bound in ms, and of what took longer than the
 * last. */
void part_histogram(json_t **sections, const char *title, const char *unit, const double *bounds,
                    const double *counts, size_t count, double over);
/* Percentiles: p50, p95, p99 and max. */
void part_latency(json_t **sections, const json_t *latency);
void part_output(json_t **sections, const char *name, const json_t *of, const char *key);

/* Takes the sections. */
json_t *part_model(const char *title, const char *verdict, const char *tone, json_t *sections);

#endif
