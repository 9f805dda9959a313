/* cli/probe_table.h - a probe's report for people to read. */
#ifndef WEIR_CLI_PROBE_TABLE_H
#define WEIR_CLI_PROBE_TABLE_H

#include <stdio.h>

#include <jansson.h>

/* Prints text that came from elsewhere: what a terminal would obey becomes "?". */
void probe_print_safe(const char *text, FILE *out);

void probe_table_print(const json_t *report, FILE *out);

#endif
