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

enum { WEIR__CHILD_PYTHON, WEIR__CHILD_GO, WEIR__CHILD_COUNT };
enum { WEIR__CHILD_WORDS = 6 };

struct weir__child {
    int which, step;
    struct weir__candidates candidates;
    char directory[300]; /* of the Go program; "" none */
    char source[320], program[320];
    json_t *sees, *changed;
    char problem[500];
    int no_memory; /* sticky: something could not be taken in */
};

struct weir__children {
    struct weir__child list[WEIR__CHILD_COUNT];
};

void weir__children_init(struct weir__children *children);

/* The next program to run for a child, its words borrowed from it; 0 when there is
 * none, or none any more. */
int weir__child_next(struct weir__child *child, char *const *environment,
                     const char *argv[WEIR__CHILD_WORDS]);

/* Takes in how that ended. */
void weir__child_take(struct weir__child *child, const struct weir_result *result,
                      char *const *environment);

/* It could not be run. */
void weir__child_fail(struct weir__child *child, const char *why);

/* {"python": {"path", "problem", "environment", "changed"}, "go": ...} */
json_t *weir__children_json(const struct weir__children *children);

/* Removes what was built, too. */
void weir__children_clear(struct weir__children *children);

#endif
