#include "config.h"

#include "spawner/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/process_tree.h"

extern char **environ;

/* What is kept of the tags around: half of what weir__process_tags() reads. */
enum { AROUND_MAX = WEIR__JOB_TAGS_SIZE / 2 };

static size_t count_strings(char **strings)
{
    size_t count = 0;

    while (strings[count] != NULL)
        count++;
    return count;
}

static int same_name(const char *variable, const char *other)
{
    size_t at = 0;

    while (variable[at] == other[at] && variable[at] != '=' && variable[at] != '\0')
        at++;
    return variable[at] == '=' && (other[at] == '=' || other[at] == '\0');
}

static int is_named(const char *variable, char **names)
{
    for (; *names != NULL; names++)
        if (same_name(variable, *names))
            return 1;
    return 0;
}

/* The first element is the tags, where a bounded look at the environment finds them.
 * The list owns that one. */
char **environment_make(const struct request_stage *stage, const char *tag)
{
    size_t set_count = count_strings(stage->env_set);
    char **envp = calloc(count_strings(environ) + set_count + 2, sizeof *envp);
    const char *around = getenv(WEIR__JOB_TAG_NAME);
    size_t used = 1, size;

    if (envp == NULL)
        return NULL;
    for (char **variable = environ; *variable != NULL && !stage->env_clear; variable++)
        if (!same_name(*variable, WEIR__JOB_TAG_NAME) && !is_named(*variable, stage->env_set)
            && !is_named(*variable, stage->env_unset))
            envp[used++] = *variable;
    for (size_t i = 0; i < set_count; i++)
        if (!same_name(stage->env_set[i], WEIR__JOB_TAG_NAME)
            && !is_named(stage->env_set[i], stage->env_set + i + 1)) /* the last one counts */
            envp[used++] = stage->env_set[i];
    if (around != NULL && strlen(around) > AROUND_MAX)
        around += strlen(around) - AROUND_MAX;
    size = sizeof WEIR__JOB_TAG_NAME + 2 + strlen(tag) + (around != NULL ? strlen(around) : 0);
    envp[0] = malloc(size);
    if (envp[0] == NULL) {
        free(envp);
        return NULL;
    }
    snprintf(envp[0], size, "%s=%s%s%s", WEIR__JOB_TAG_NAME, around != NULL ? around : "",
             around != NULL ? "." : "", tag);
    return envp;
}

void environment_free(char **envp)
{
    if (envp != NULL)
        free(envp[0]);
    free(envp);
}
