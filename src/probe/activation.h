/* probe/activation.h - the environment that a shell command sets up.
 *
 * A shell runs the command and then prints its environment, each variable ended by a
 * NUL byte, on descriptor 9: what the command prints goes to standard error, and a
 * random mark before and after tells the environment from whatever else finds
 * descriptor 9.
 */
#ifndef WEIR_PROBE_ACTIVATION_H
#define WEIR_PROBE_ACTIVATION_H

#include <jansson.h>

#include <weir/result.h>

#include "base/process_tree.h"

struct weir__activation {
    const char *command;           /* borrowed */
    char mark[WEIR__JOB_TAG_SIZE]; /* random */
    char *script;                  /* for sh -c */
    char **after;                  /* the environment then; NULL: there is none */
    json_t *run;                   /* how it went; NULL: it was not run */
    char problem[700];             /* why there is no environment */
    int no_memory;                 /* what the shell told could not be taken in */
};

/* Makes the script.  Returns 0, or -1 when memory is short; to be cleared in any case. */
int weir__activation_begin(struct weir__activation *activation, const char *command);

/* Takes in what the shell printed: after is set, or problem. */
void weir__activation_read(struct weir__activation *activation, const struct weir_result *result);

/* {"command", "run", "problem", "changed"}; before is the environment it began with. */
json_t *weir__activation_json(const struct weir__activation *activation, char *const *before);

void weir__activation_clear(struct weir__activation *activation);

#endif
