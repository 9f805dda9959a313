#include "config.h"

#include "probe/child_env.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json_tree.h"
#include "probe/environment.h"
#include "probe/tool_report.h"
#include "probe/json_values.h"

/* Both print their environment as env -0 does, behind a line of their own: a banner of
 * sitecustomize.py may stand before it. */
#define MARK "weir-child-environment"

static const char python_script[] = "import os, sys\n"
                                    "out = getattr(sys.stdout, 'buffer', sys.stdout)\n"
                                    "sys.stdout.flush()\n"
                                    "get = getattr(os, 'environb', os.environ)\n"
                                    "e = b'=' if get is not os.environ else '='\n"
                                    "z = b'\\0' if get is not os.environ else '\\0'\n"
                                    "out.write(b'" MARK "\\0')\n"
                                    "for k in get: out.write(k + e + get[k] + z)\n"
                                    "out.flush()\n";

static const char go_source[] = "package main\n"
                                "import \"os\"\n"
                                "func main() {\n"
                                "\tout := \"" MARK "\\x00\"\n"
                                "\tfor _, v := range os.Environ() {\n"
                                "\t\tout += v + \"\\x00\"\n"
                                "\t}\n"
                                "\tos.Stdout.WriteString(out)\n"
                                "}\n";

static const struct {
    const char *name;
    const char *const *programs;
} kinds[] = {
    [WEIR__CHILD_ENV_PYTHON] = {"python", (const char *const[]){"python3", "python", NULL}},
    [WEIR__CHILD_ENV_GO] = {"go", (const char *const[]){"go", NULL}},
};

void weir__child_envs_init(struct weir__child_envs *children)
{
    for (int i = 0; i < WEIR__CHILD_ENV_COUNT; i++)
        children->list[i] =
            (struct weir__child_env){.which = i, .candidates.winner = WEIR__PATH_SEARCH_NONE};
}

void weir__child_env_fail(struct weir__child_env *child, const char *why)
{
    snprintf(child->problem, sizeof child->problem, "%s", why);
}

/* Puts the Go program where it can be built.  Returns whether it could. */
static int write_source(struct weir__child_env *child, char *const *environment)
{
    const char *place = weir__environment_get(environment, "TMPDIR");
    int fd, failed;

    if (place == NULL || *place != '/' || strlen(place) > 200)
        place = "/tmp";
    snprintf(child->directory, sizeof child->directory, "%s/weir-probe.XXXXXX", place);
    if (mkdtemp(child->directory) == NULL) {
        child->directory[0] = '\0';
        weir__child_env_fail(child, "cannot create a directory to build the program in");
        return 0;
    }
    snprintf(child->source, sizeof child->source, "%s/main.go", child->directory);
    snprintf(child->program, sizeof child->program, "%s/main", child->directory);
    fd = open(child->source, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    failed = fd < 0 || weir__write_all(fd, go_source, strlen(go_source)) != 0;
    weir__close(&fd);
    if (failed)
        weir__child_env_fail(child, "cannot write the source of the program");
    return !failed;
}

int weir__child_env_next(struct weir__child_env *child, char *const *environment,
                         const char *argv[WEIR__CHILD_ENV_WORDS])
{
    const char *const *programs = kinds[child->which].programs;
    const char *winner;

    if (child->problem[0] != '\0' || child->sees != NULL)
        return 0;
    memset(argv, 0, WEIR__CHILD_ENV_WORDS * sizeof *argv);
    if (child->step++ > 0) {
        argv[0] = child->program;
        return 1;
    }
    if (weir__path_search_run(&child->candidates, programs, NULL, environment) < 0) {
        child->no_memory = 1;
        return 0;
    }
    if (child->candidates.winner == WEIR__PATH_SEARCH_NONE) {
        weir__child_env_fail(child, "not found on the PATH");
        return 0;
    }
    winner = child->candidates.items[child->candidates.winner].path;
    argv[0] = winner;
    if (child->which == WEIR__CHILD_ENV_PYTHON) {
        argv[1] = "-c";
        argv[2] = python_script;
        return 1;
    }
    if (!write_source(child, environment))
        return 0;
    argv[1] = "build";
    argv[2] = "-o";
    argv[3] = child->program;
    argv[4] = child->source;
    return 1;
}

void weir__child_env_read(struct weir__child_env *child, const struct weir_result *result,
                          char *const *environment)
{
    const char *bytes = result->out.bytes, *at;
    char **seen, sentence[300], words[150];

    if (result->end != WEIR_EXITED || result->code != 0) {
        weir_result_sentence(result, sentence, sizeof sentence);
        weir__tool_report_error_line(result, words, sizeof words);
        snprintf(child->problem, sizeof child->problem, "%s%s%s", sentence,
                 *words != '\0' ? ": " : "", words);
        return;
    }
    if (child->which == WEIR__CHILD_ENV_GO && child->step == 1)
        return; /* it is built */
    at = bytes != NULL ? memmem(bytes, result->out.kept, MARK, sizeof MARK) : NULL;
    if (at == NULL) {
        weir__child_env_fail(child, "it did not print its environment");
        return;
    }
    at += sizeof MARK;
    seen = weir__environment_read(at, result->out.kept - (size_t)(at - bytes));
    if (seen != NULL) {
        child->sees = weir__environment_json(seen);
        child->changed = weir__environment_changes(environment, seen);
        weir__environment_free(seen);
    }
    if (child->sees == NULL || child->changed == NULL)
        child->no_memory = 1;
}

json_t *weir__child_envs_json(const struct weir__child_envs *children)
{
    json_t *object = json_object();

    for (int i = 0; i < WEIR__CHILD_ENV_COUNT; i++) {
        const struct weir__child_env *child = &children->list[i];
        const struct weir__path_search *list = &child->candidates;
        json_t *one = json_object();

        weir__tree_set(&one, "path",
                       list->winner == WEIR__PATH_SEARCH_NONE
                           ? json_null()
                           : weir__text_value(list->items[list->winner].path));
        weir__tree_set(&one, "problem",
                       child->problem[0] != '\0' ? weir__text_value(child->problem) : json_null());
        weir__tree_set(&one, "environment",
                       json_incref(child->sees != NULL ? child->sees : json_null()));
        weir__tree_set(&one, "changed",
                       json_incref(child->changed != NULL ? child->changed : json_null()));
        weir__tree_set(&object, kinds[i].name, one);
    }
    return object;
}

void weir__child_envs_clear(struct weir__child_envs *children)
{
    for (int i = 0; i < WEIR__CHILD_ENV_COUNT; i++) {
        struct weir__child_env *child = &children->list[i];

        if (child->directory[0] != '\0') {
            unlink(child->program);
            unlink(child->source);
            rmdir(child->directory);
        }
        weir__path_search_clear(&child->candidates);
        json_decref(child->sees);
        json_decref(child->changed);
    }
    weir__child_envs_init(children);
}
