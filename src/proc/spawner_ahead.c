#include "config.h"

#include "proc/spawner_ahead.h"

#include <stdlib.h>

#include "proc/spawner_path.h"

static struct weir__spawner_setup setup = {.stays_child = 1};
static struct weir__spawner *ahead; /* NULL: none */

void weir__spawner_ahead_start(void)
{
    struct weir_error error;

    ahead = calloc(1, sizeof *ahead);
    if (ahead == NULL)
        return;
    ahead->setup = &setup;
    setup.path = weir__program_path(&weir__spawner_program, NULL, &setup.from, &error);
    if (setup.path != NULL && weir__spawner_launch(ahead, &error) == 0)
        return;
    free(setup.path);
    free(ahead);
    ahead = NULL;
}

struct weir__spawner *weir__spawner_ahead_take(char **path, const char **from)
{
    struct weir__spawner *taken = ahead;

    if (taken != NULL) {
        *path = setup.path;
        *from = setup.from;
    }
    ahead = NULL;
    return taken;
}

void weir__spawner_ahead_drop(void)
{
    if (ahead == NULL)
        return;
    weir__spawner_close(ahead);
    weir__spawner_clear(ahead);
    free(ahead);
    free(setup.path);
    ahead = NULL;
}
