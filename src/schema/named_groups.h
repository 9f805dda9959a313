/* schema/named_groups.h - a PCRE2 regular expression whose named groups are extracted from a text.
 */
#ifndef WEIR_SCHEMA_NAMED_GROUPS_H
#define WEIR_SCHEMA_NAMED_GROUPS_H

#include <stddef.h>

#include <weir/error.h>

struct weir__named_groups;

/* Compiles a pattern, in which ^ and $ match at lines.  The caller owns it:
 * weir__named_groups_free().  Returns NULL on failure.
 * Errors: INVALID (not a regular expression, or one that names no group), NOMEM. */
struct weir__named_groups *weir__named_groups_new(const char *pattern, struct weir_error *error);

/* Accepts NULL. */
void weir__named_groups_free(struct weir__named_groups *groups);

/* Receives a matched group; text is not NUL-terminated. */
typedef void weir__named_group_sink(void *context, const char *name, const char *text,
                                    size_t length);

/* Finds the first match in the first MiB of text, and passes its groups to sink.
 * Returns 1, 0 without a match, or -1 if the pattern takes too many steps or memory is short. */
int weir__named_groups_find(const struct weir__named_groups *groups, const char *text,
                            size_t length, weir__named_group_sink *sink, void *context);

#endif
