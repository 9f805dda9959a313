/* What Python says in tuples, lists and bytes, as libweir takes it. */
#include "native.h"

#include <math.h>
#include <stdlib.h>

int64_t to_ms(double seconds)
{
    if (!(seconds < 9e12))
        return WEIR_FOREVER;
    return seconds <= 0 ? 0 : (int64_t)ceil(seconds * 1000);
}

int take_bytes(PyObject *bytes, const char **text)
{
    char *at;

    *text = NULL;
    if (bytes == Py_None)
        return 0;
    if (PyBytes_AsStringAndSize(bytes, &at, NULL) < 0) /* refuses NUL bytes */
        return -1;
    *text = at;
    return 0;
}

int take_words(PyObject *list, const char ***words)
{
    Py_ssize_t count;

    *words = NULL;
    if (list == Py_None)
        return 0;
    count = PyList_Size(list);
    if (count < 0)
        return -1;
    *words = calloc((size_t)count + 1, sizeof **words);
    if (*words == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (take_bytes(PyList_GetItem(list, i), *words + i) < 0)
            return -1;
    return 0;
}

static int take_limits(PyObject *limits, struct weir_command *command)
{
    Py_ssize_t count = limits == Py_None ? 0 : PyList_Size(limits);

    if (count < 0)
        return -1;
    for (Py_ssize_t i = 0; i < count; i++) {
        int limit;
        unsigned long long value;

        if (!PyArg_ParseTuple(PyList_GetItem(limits, i), "iK", &limit, &value))
            return -1;
        if (limit < 0 || limit >= WEIR_LIMITS) {
            PyErr_SetString(PyExc_ValueError, "not a limit");
            return -1;
        }
        command->limits[limit] = value;
    }
    return 0;
}

/* (argv, cwd, env_clear, env_pass, env, nice, limits) */
int take_command(PyObject *from, struct command *command)
{
    PyObject *argv, *cwd, *env_pass, *env, *limits;
    struct weir_command *to = &command->command;

    *command = (struct command){.argv = NULL};
    weir_command_init(to);
    if (!PyArg_ParseTuple(from, "OOiOOiO", &argv, &cwd, &to->env_clear, &env_pass, &env, &to->nice,
                          &limits)
        || take_words(argv, &command->argv) < 0 || take_bytes(cwd, &to->cwd) < 0
        || take_words(env_pass, &command->env_pass) < 0 || take_words(env, &command->env) < 0
        || take_limits(limits, to) < 0)
        return -1;
    to->argv = command->argv;
    to->env_pass = command->env_pass;
    to->env = command->env;
    return 0;
}

void clear_command(struct command *command)
{
    free(command->argv);
    free(command->env);
    free(command->env_pass);
}
