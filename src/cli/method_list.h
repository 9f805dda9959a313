/* cli/method_list.h - the functions of a worker, for people. */
#ifndef WEIR_CLI_METHOD_LIST_H
#define WEIR_CLI_METHOD_LIST_H

#include <stdio.h>

#include "rpc/rpc_parse.h"

/* methods: an object as in docs/protocol.md, section 4.  One line each, sorted:
 *     add(a: int, b: int) -> int      Adds two numbers.
 * Returns 0, or -1: it is no such object. */
int method_list_print(struct weir__slice methods, FILE *out);

#endif
