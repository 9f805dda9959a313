/* cli/arguments.h - the arguments of a call, as params; lists of methods. */
#ifndef WEIR_CLI_ARGUMENTS_H
#define WEIR_CLI_ARGUMENTS_H

#include "base/buffer.h"
#include <stdio.h>
#include "rpc/rpc_parse.h"

/* Appends the params for these words: an array, or an object where they are
 * NAME=ARGUMENT.  An ARGUMENT that is JSON is passed unchanged; anything else is a string.
 * Errors: INVALID (some by name and some not, a name twice, not UTF-8), NOMEM. */
int arguments_params(char *const *words, size_t count, struct weir__buffer *params,
                     struct weir_error *error);

/* The first of these words whose ARGUMENT is passed as a number, true, false or null, and whose NAME
 * the message has; NULL: none. */
const char *arguments_find_typed(const char *const *words, size_t count, const char *message);

/* methods: an object as in docs/protocol.md, section 4.  One line each, sorted:
 *     add(a: int, b: int) -> int      Adds two numbers.
 * Returns 0, or -1 if it is not such an object. */
int method_list_print(struct weir__slice methods, FILE *out);

#endif
