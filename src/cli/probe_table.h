/* cli/probe_table.h - the report of a probe as text. */
#ifndef WEIR_CLI_PROBE_TABLE_H
#define WEIR_CLI_PROBE_TABLE_H

#include <stdio.h>

#include <jansson.h>

/* Prints foreign text with unprintable characters escaped. */
void probe_print_safe(const char *text, FILE *out);

void probe_table_print(const json_t *report, FILE *out);

#endif
