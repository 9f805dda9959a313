/* probe/environment.h - environments: as text, what of them matters, what changed.
 *
 * An environment is a NULL-terminated list of "NAME=VALUE".
 */
#ifndef WEIR_PROBE_ENVIRONMENT_H
#define WEIR_PROBE_ENVIRONMENT_H

#include <stddef.h>

#include <jansson.h>

#include <weir/error.h>

/* The value of a variable, borrowed; NULL when it is not set. */
const char *weir__environment_get(char *const *environment, const char *name);

/* Reads what env -0 prints: each variable and a NUL byte.  What belongs to one
 * process and not to the environment (_, SHLVL, PWD, OLDPWD, weir's own mark) is
 * left out.  The caller owns it: weir__environment_free().
 * Returns NULL when memory is short. */
char **weir__environment_read(const char *bytes, size_t length);

void weir__environment_free(char **environment);

/* {"NAME": "value"} of those that matter, sorted by name, secrets redacted. */
json_t *weir__environment_json(char *const *environment);

/* [{"name", "before", "after"}] of all variables that differ, sorted by name,
 * secrets redacted; null stands for one that is not set. */
json_t *weir__environment_changes(char *const *before, char *const *after);

/* Text with the secrets in it redacted, as a JSON string.  name says what it is the
 * value of; NULL: of nothing. */
json_t *weir__masked(const char *name, const char *value);

#endif
