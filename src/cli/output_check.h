/* cli/output_check.h - --check output: what tools of MCP servers return, against their
 * outputSchema. */
#ifndef WEIR_CLI_OUTPUT_CHECK_H
#define WEIR_CLI_OUTPUT_CHECK_H

#include <weir/pool.h>

#include "cli/cli.h"

struct output_schema;

/* All zero: nothing is checked. */
struct output_check {
    const struct cli_command *command; /* in whose name it speaks */
    struct output_schema *schemas;
    size_t count;
};

/* The values of the option. */
enum { OUTPUT_CHECK_NONE, OUTPUT_CHECK_OUTPUT };
extern const char *const output_check_words[];

/* Checks the calls of a pool from now on, before any is made. */
void output_check_begin(struct output_check *check, const struct cli_command *command,
                        weir_pool_t *pool);

/* After the pool is closed. */
void output_check_clear(struct output_check *check);

#endif
