#include "config.h"

#include "proc/command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/options.h"
#include "text/shell_quote.h"

extern char **environ;

static const struct {
    const char *name;
    int resource;
} limits[WEIR_LIMIT_COUNT] = {
    [WEIR_LIMIT_CPU] = {"cpu", RLIMIT_CPU},
    [WEIR_LIMIT_MEMORY] = {"memory", RLIMIT_AS},
    [WEIR_LIMIT_FILES] = {"files", RLIMIT_NOFILE},
    [WEIR_LIMIT_FILE_SIZE] = {"file-size", RLIMIT_FSIZE},
    [WEIR_LIMIT_PROCESSES] = {"processes", RLIMIT_NPROC},
    [WEIR_LIMIT_CORE] = {"core", RLIMIT_CORE},
};

void weir_command_init_sized(struct weir_command *command, size_t size)
{
    struct weir_command defaults = {.size = sizeof defaults, .umask = -1};

    for (int i = 0; i < WEIR_LIMITS; i++)
        defaults.limits[i] = WEIR_NO_LIMIT;
    weir__options_init(command, size, &defaults, sizeof defaults);
}

const char *weir_limit_name(enum weir_limit limit)
{
    return (unsigned)limit < WEIR_LIMIT_COUNT ? limits[limit].name : NULL;
}

const char *weir__limit_of_resource(int resource)
{
    for (int i = 0; i < WEIR_LIMIT_COUNT; i++)
        if (limits[i].resource == resource)
            return limits[i].name;
    return "resource";
}

int weir_limit_find(const char *name, struct weir_error *error)
{
    for (int i = 0; i < WEIR_LIMIT_COUNT; i++)
        if (strcmp(limits[i].name, name) == 0)
            return i;
    return weir__fail(error, WEIR_ERR_INVALID, 0,
                      "no limit named \"%s\": there are cpu (seconds), memory, files, file-size, "
                      "processes and core",
                      name);
}

int weir__command_take(struct weir_command *command, const struct weir_command *given,
                       struct weir_error *error)
{
    int status;

    weir_command_init(command);
    status = weir__options_take(command, sizeof *command, given, "weir_command", error);
    return status < 0 ? status : weir__command_check(command, error);
}

int weir__command_check(const struct weir_command *command, struct weir_error *error)
{
    if (command->argv == NULL || command->argv[0] == NULL)
        return weir__fail(error, WEIR_ERR_INVALID, 0, "the command has no program");
    if (command->umask < -1 || command->umask > 0777)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "the umask is out of range: use 0 to 0777 (octal), or -1");
    for (const char *const *variable = command->env; variable != NULL && *variable != NULL;
         variable++)
        if (strchr(*variable, '=') == NULL || **variable == '=')
            return weir__fail(error, WEIR_ERR_INVALID, 0, "invalid variable \"%s\": use NAME=VALUE",
                              *variable);
    for (int i = 0; i < WEIR_LIMITS; i++) {
        if (command->limits[i] == WEIR_NO_LIMIT)
            continue;
        if (i >= WEIR_LIMIT_COUNT)
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "this libweir does not know limit number %d: leave it WEIR_NO_LIMIT",
                              i);
        if (command->limits[i] > INT64_MAX)
            return weir__fail(error, WEIR_ERR_INVALID, 0, "the limit of %s is out of range",
                              limits[i].name);
    }
    return 0;
}

int weir__command_open_cwd(const struct weir_command *command)
{
    int fd = weir__fd_of_directory(command->cwd != NULL ? command->cwd : ".");

    if (fd < 0 || weir__fd_above_stdio(&fd, NULL) < 0)
        return errno == EPERM ? -EACCES : -errno; /* -1 is taken: "the same directory" */
    return fd;
}

char *weir__command_cwd(const struct weir_command *command)
{
    char path[PATH_MAX];

    if (command->cwd
        == NULL) /* the kernel says "(unreachable)/..." of what lies outside the root */
        return strdup(getcwd(path, sizeof path) != NULL && path[0] == '/' ? path : "");
    if (realpath(command->cwd, path) != NULL)
        return strdup(path);
    return strdup(command->cwd[0] == '/' ? command->cwd : "");
}

char **weir__argv_copy(const char *const *argv)
{
    size_t count = 0;
    char **copy;

    while (argv[count] != NULL)
        count++;
    copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(argv[i]);
        if (copy[i] == NULL) {
            weir__argv_free(copy);
            return NULL;
        }
    }
    return copy;
}

void weir__argv_free(char **argv)
{
    for (size_t i = 0; argv != NULL && argv[i] != NULL; i++)
        free(argv[i]);
    free(argv);
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;

    while (words != NULL && words[count] != NULL)
        count++;
    return count;
}

const char **weir__argv_join(const char *const *first, const char *const *second)
{
    size_t before = count_words(first), after = count_words(second);
    const char **all = calloc(before + after + 1, sizeof *all);

    for (size_t i = 0; all != NULL && i < before; i++)
        all[i] = first[i];
    for (size_t i = 0; all != NULL && i < after; i++)
        all[before + i] = second[i];
    return all;
}

/* Adds words to text as a shell reads them, and a NUL byte. */
static int quote(struct weir__buffer *text, const char *const *words)
{
    int status = 0;

    for (size_t i = 0; words[i] != NULL && status == 0; i++) {
        if (i > 0)
            status = weir__buffer_add(text, " ", 1, NULL);
        if (status == 0)
            status = weir__shell_quote_if_needed(text, words[i], strlen(words[i]));
    }
    return status == 0 ? weir__buffer_add(text, "", 1, NULL) : status;
}

char **weir__launcher_argv(const struct weir__launcher *launcher, const char *const *argv)
{
    static const struct weir__launcher none = {0};
    const char **inner, **all = NULL, *one[2] = {NULL, NULL};
    struct weir__buffer text = {0};
    char **made = NULL;

    launcher = launcher != NULL ? launcher : &none;
    inner = weir__argv_join(launcher->before, argv);
    if (inner != NULL && launcher->is_shell && count_words(launcher->words) > 0) {
        if (quote(&text, inner) == 0) {
            one[0] = text.bytes;
            all = weir__argv_join(launcher->words, one);
        }
    } else if (inner != NULL) {
        all = weir__argv_join(launcher->words, inner);
    }
    if (all != NULL)
        made = weir__argv_copy(all);
    weir__buffer_clear(&text);
    free(inner);
    free(all);
    return made;
}

int weir__command_copy(struct weir_command *copy, const struct weir_command *command,
                       const struct weir__launcher *launcher, struct weir_error *error)
{
    *copy = *command;
    copy->argv = (const char *const *)weir__launcher_argv(launcher, command->argv);
    copy->cwd = command->cwd != NULL ? strdup(command->cwd) : NULL;
    copy->argv0 = command->argv0 != NULL ? strdup(command->argv0) : NULL;
    copy->env = command->env != NULL ? (const char *const *)weir__argv_copy(command->env) : NULL;
    copy->env_pass =
        command->env_pass != NULL ? (const char *const *)weir__argv_copy(command->env_pass) : NULL;
    if (copy->argv == NULL || (copy->cwd == NULL) != (command->cwd == NULL)
        || (copy->argv0 == NULL) != (command->argv0 == NULL)
        || (copy->env == NULL) != (command->env == NULL)
        || (copy->env_pass == NULL) != (command->env_pass == NULL))
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a command");
    return 0;
}

void weir__command_clear(struct weir_command *copy)
{
    weir__argv_free((char **)copy->argv);
    weir__argv_free((char **)copy->env);
    weir__argv_free((char **)copy->env_pass);
    free((char *)copy->cwd);
    free((char *)copy->argv0);
    *copy = (struct weir_command){0};
}

/* --- The environment ------------------------------------------------------ */

static int same_name(const char *variable, const char *other)
{
    size_t length = strcspn(other, "=");

    return strncmp(variable, other, length) == 0 && variable[length] == '=';
}

static const char *find_variable(char *const *variables, const char *name)
{
    for (; *variables != NULL; variables++)
        if (same_name(*variables, name))
            return *variables;
    return NULL;
}

/* What the host's environment has that the spawner's has not.  They are equal, string
 * by string, up to same: nearly always that is all of it. */
static void write_set(struct weir__json_writer *json, char *const *before, size_t same)
{
    for (size_t i = same; environ != NULL && environ[i] != NULL; i++) {
        const char *known =
            strchr(environ[i], '=') != NULL ? find_variable(before, environ[i]) : environ[i];

        if (known == NULL || strcmp(known, environ[i]) != 0)
            weir__json_bytes(json, NULL, environ[i]);
    }
}

/* The other way round: names. */
static void write_unset(struct weir__json_writer *json, char *const *before, size_t same)
{
    for (size_t i = same; before[i] != NULL; i++)
        if (find_variable(environ, before[i]) == NULL) {
            char *name = strndup(before[i], strcspn(before[i], "="));

            if (name != NULL)
                weir__json_bytes(json, NULL, name);
            else
                weir__json_fail(json);
            free(name);
        }
}

static void write_passed(struct weir__json_writer *json, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++) {
        const char *variable = environ != NULL ? find_variable(environ, *names) : NULL;

        if (variable != NULL)
            weir__json_bytes(json, NULL, variable);
    }
}

static void write_list(struct weir__json_writer *json, const char *key, const char *const *list)
{
    if (key != NULL)
        weir__json_open(json, key, '[');
    for (; list != NULL && *list != NULL; list++)
        weir__json_bytes(json, NULL, *list);
    if (key != NULL)
        weir__json_close(json, ']');
}

static int is_passed(const char *const *names, const char *wanted)
{
    for (; names != NULL && *names != NULL; names++)
        if (strcmp(*names, wanted) == 0)
            return 1;
    return 0;
}

const char *weir__command_variable(const struct weir_command *command, const char *name)
{
    size_t length = strlen(name);
    const char *value = NULL;

    if (command->env_pass != NULL ? is_passed(command->env_pass, name) : !command->env_clear)
        value = getenv(name);
    for (const char *const *entry = command->env; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            value = *entry + length + 1;
    return value;
}

/* PWD follows the directory: it would name the host's. */
static void write_pwd(struct weir__json_writer *json, const struct weir_command *command)
{
    char *path = weir__command_cwd(command), variable[PATH_MAX + sizeof "PWD="];

    if (path == NULL)
        weir__json_fail(json);
    else if (*path != '\0') {
        snprintf(variable, sizeof variable, "PWD=%s", path);
        weir__json_bytes(json, NULL, variable);
    }
    free(path);
}

static void write_environment(struct weir__json_writer *json, const struct weir_command *command,
                              char *const *before)
{
    int is_clear = command->env_clear || command->env_pass != NULL;
    size_t same = 0;

    while (environ != NULL && before[same] != NULL && environ[same] != NULL
           && strcmp(before[same], environ[same]) == 0)
        same++;
    if (is_clear)
        weir__json_boolean(json, "env_clear", 1);
    weir__json_open(json, "env_set", '[');
    if (is_clear)
        write_passed(json, command->env_pass);
    else
        write_set(json, before, same);
    if (command->cwd != NULL && (!is_clear || is_passed(command->env_pass, "PWD")))
        write_pwd(json, command);
    write_list(json, NULL, command->env);
    weir__json_close(json, ']');
    if (is_clear || environ == NULL || before[same] == NULL)
        return;
    weir__json_open(json, "env_unset", '[');
    write_unset(json, before, same);
    weir__json_close(json, ']');
}

static void write_limits(struct weir__json_writer *json, const uint64_t *values)
{
    int count = 0;

    for (int i = 0; i < WEIR_LIMIT_COUNT; i++) {
        if (values[i] == WEIR_NO_LIMIT)
            continue;
        if (count++ == 0)
            weir__json_open(json, "limits", '[');
        weir__json_open(json, NULL, '[');
        weir__json_integer(json, NULL, limits[i].resource);
        weir__json_integer(json, NULL, (int64_t)values[i]);
        weir__json_close(json, ']');
    }
    if (count > 0)
        weir__json_close(json, ']');
}

void weir__command_write(struct weir__json_writer *json, const struct weir_command *command,
                         char *const *spawner_environment)
{
    write_list(json, "argv", command->argv);
    write_environment(json, command, spawner_environment);
    if (command->nice != 0)
        weir__json_integer(json, "nice", command->nice);
    if (command->argv0 != NULL)
        weir__json_bytes(json, "argv0", command->argv0);
    if (command->umask >= 0)
        weir__json_integer(json, "umask", command->umask);
    if (command->new_session)
        weir__json_boolean(json, "session", 1);
    write_limits(json, command->limits);
}
