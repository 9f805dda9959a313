/* work/tool_list.h - the tools of an MCP server, as its answers to tools/list have them page by
 * page, made into methods as in the hello of docs/protocol.md.
 */
#ifndef WEIR_WORK_TOOL_LIST_H
#define WEIR_WORK_TOOL_LIST_H

#include <jansson.h>
#include <stddef.h>

#include "rpc/rpc_parse.h"

/* All zero is an empty list. */
struct weir__tool_list {
    json_t *methods; /* by name: "doc", "params", "idempotent", "read_only", and "tool", the
                      * tool's object */
    json_t *cursors; /* those seen */
    unsigned pages, tools;
    unsigned left_out; /* tools with a name that cannot be called */
    size_t bytes;
};

/* Adds the result of a request.  Returns 1 with *cursor, a string in the result, if the list goes
 * on; 0 if it is whole; -1 with a reason, which completes "its list of tools ...". */
int weir__tool_list_add(struct weir__tool_list *list, struct weir__slice result,
                        struct weir__slice *cursor, char *reason, size_t size);

/* Hands over the methods, and leaves an empty list. */
json_t *weir__tool_list_take(struct weir__tool_list *list);

void weir__tool_list_clear(struct weir__tool_list *list);

#endif
