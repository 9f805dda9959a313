#include "config.h"

#include "probe/activation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/json_tree.h"
#include "probe/environment.h"
#include "probe/tool_report.h"

/* conda activate is a shell function, which a script has to ask for. */
static const struct {
    const char *command, *hook;
} hooks[] = {
    {"micromamba activate", "eval \"$(\"${MAMBA_EXE:-micromamba}\" shell hook -s posix)\""},
    {"mamba activate", "eval \"$(\"${CONDA_EXE:-conda}\" shell.posix hook)\"; "
                       "mamba() { conda \"$@\"; }"},
    {"conda activate", "eval \"$(\"${CONDA_EXE:-conda}\" shell.posix hook)\""},
};

static int add_text(struct weir__buffer *script, const char *text)
{
    return weir__buffer_add(script, text, strlen(text), NULL);
}

/* The command as one word of the shell. */
static int add_quoted(struct weir__buffer *script, const char *text)
{
    int status = add_text(script, "'");

    for (; *text != '\0' && status == 0; text++)
        status =
            *text == '\'' ? add_text(script, "'\\''") : weir__buffer_add(script, text, 1, NULL);
    return status < 0 ? status : add_text(script, "'");
}

/* The command may set any PATH: env is taken from where it is now. */
static const char *env_program(void)
{
    return access("/usr/bin/env", X_OK) == 0 ? "/usr/bin/env" : "/bin/env";
}

int weir__activation_begin(struct weir__activation *activation, const char *command)
{
    struct weir__buffer script = {0};
    const char *hook = "";
    char epilogue[300];
    int status;

    *activation = (struct weir__activation){.command = command};
    weir__job_tag_make(activation->mark);
    for (size_t i = 0; i < sizeof hooks / sizeof hooks[0] && *hook == '\0'; i++)
        if (strstr(command, hooks[i].command) != NULL)
            hook = hooks[i].hook;
    snprintf(epilogue, sizeof epilogue,
             " || exit $?\n"
             "command printf '%%s\\0' %s >&9 && %s -0 >&9 9>&- && command printf '%%s\\0' %s >&9\n",
             activation->mark, env_program(), activation->mark);
    status = add_text(&script, "exec 9>&1 1>&2\n");
    if (status == 0)
        status = add_text(&script, hook);
    if (status == 0)
        status = add_text(&script, "\neval ");
    if (status == 0)
        status = add_quoted(&script, command);
    if (status == 0)
        status = add_text(&script, epilogue);
    if (status == 0)
        activation->script = weir__buffer_take(&script, NULL);
    weir__buffer_clear(&script);
    return activation->script != NULL ? 0 : -1;
}

/* Finds the mark as a whole NUL-terminated word. */
static const char *find_mark(const char *at, const char *end, const char *mark)
{
    size_t length = strlen(mark) + 1;

    while ((size_t)(end - at) >= length) {
        at = memchr(at, mark[0], (size_t)(end - at) - length + 1);
        if (at == NULL)
            return NULL;
        if (memcmp(at, mark, length) == 0)
            return at;
        at++;
    }
    return NULL;
}

void weir__activation_read(struct weir__activation *activation, const struct weir_result *result)
{
    size_t length = strlen(activation->mark) + 1;
    const char *end = result->out.bytes + result->out.kept;
    const char *begin =
        result->out.bytes != NULL ? find_mark(result->out.bytes, end, activation->mark) : NULL;
    const char *stop = begin != NULL ? find_mark(begin + length, end, activation->mark) : NULL;
    char sentence[400], words[200];

    activation->run = weir__tool_report_run_json("activate", result);
    activation->no_memory = activation->run == NULL;
    json_object_del(activation->run, "stdout"); /* an environment, unmasked */
    if (stop != NULL && !result->out.truncated) {
        activation->after = weir__environment_read(begin + length, (size_t)(stop - begin) - length);
        activation->no_memory |= activation->after == NULL;
        return;
    }
    weir_result_sentence(result, sentence, sizeof sentence);
    weir__tool_report_error_line(result, words, sizeof words);
    snprintf(activation->problem, sizeof activation->problem,
             "the shell %s before printing its environment%s%s",
             result->end == WEIR_EXITED && result->code == 0 ? "exited" : sentence,
             *words != '\0' ? ": " : "", words);
}

json_t *weir__activation_json(const struct weir__activation *activation, char *const *before)
{
    json_t *object = json_object();

    weir__tree_set(&object, "command", weir__masked(NULL, activation->command));
    weir__tree_set(&object, "run",
                   json_incref(activation->run != NULL ? activation->run : json_null()));
    weir__tree_set(&object, "problem",
                   activation->problem[0] != '\0' ? json_string(activation->problem) : json_null());
    weir__tree_set(&object, "changed",
                   activation->after != NULL ? weir__environment_changes(before, activation->after)
                                             : json_array());
    return object;
}

void weir__activation_clear(struct weir__activation *activation)
{
    free(activation->script);
    weir__environment_free(activation->after);
    json_decref(activation->run);
    *activation = (struct weir__activation){0};
}
