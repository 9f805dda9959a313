/* probe/child_env.h - what a Go and a Python program see of an environment.
 *
 * A shim, a wrapper or a launcher may change what a shell has set up before the
 * program proper begins: so both are asked.  The Go one is built first, by the Go
 * that wins there.
 */
#ifndef WEIR_PROBE_CHILD_ENV_H
#define WEIR_PROBE_CHILD_ENV_H

#include <stddef.h>

#include <jansson.h>

#include <weir/result.h>

#include "probe/path_search.h"

enum { WEIR__CHILD_ENV_PYTHON, WEIR__CHILD_ENV_GO, WEIR__CHILD_ENV_COUNT };
enum { WEIR__CHILD_ENV_WORDS = 6 };

struct weir__child_env {
    int which, step;
    struct weir__path_search candidates;
    char directory[300]; /* of the Go program; "" none */
    char source[320], program[320];
    json_t *sees, *changed;
    char problem[500];
    int no_memory; /* sticky: something could not be taken in */
};

struct weir__child_envs {
    struct weir__child_env list[WEIR__CHILD_ENV_COUNT];
};

void weir__child_envs_init(struct weir__child_envs *children);

/* The next program to run for a child, its words borrowed from it; 0 when there is
 * none, or none any more. */
int weir__child_env_next(struct weir__child_env *child, char *const *environment,
                         const char *argv[WEIR__CHILD_ENV_WORDS]);

/* Takes in how that ended. */
void weir__child_env_read(struct weir__child_env *child, const struct weir_result *result,
                          char *const *environment);

/* It could not be run. */
void weir__child_env_fail(struct weir__child_env *child, const char *why);

/* {"python": {"path", "problem", "environment", "changed"}, "go": ...} */
json_t *weir__child_envs_json(const struct weir__child_envs *children);

/* Removes what was built, too. */
void weir__child_envs_clear(struct weir__child_envs *children);

#endif
