/* weir._native.Pool: a pool of workers. */
#include "native.h"

#include <poll.h>
#include <stdlib.h>

static void pool_ready(weir_pool_t *handle, const struct weir_error *error, void *context)
{
    struct pool *pool = context;

    (void)handle;
    if (error != NULL) {
        pool->has_failed = 1;
        pool->error = *error;
    }
    set_flags(&pool->source, READY);
}

static void pool_drained(weir_pool_t *handle, void *context)
{
    struct pool *pool = context;

    (void)handle;
    set_flags(&pool->source, DONE);
}

/* What libweir takes as a default is not said: numbers below 0, and times of inf. */
static void set_time(int64_t *to, double seconds)
{
    if (seconds >= 0)
        *to = to_ms(seconds);
}

/* (commands, launcher, dialect, workers, window, max_queue, start_timeout, cancel_grace, grace,
 *  start_attempts, recycle_calls, recycle_age, recycle_rss_kb, stderr_fd, min_ready, warm) */
PyObject *open_pool(struct context *context, PyObject *args)
{
    struct weir_pool_options options;
    struct weir_error error = {0};
    struct command *commands = NULL;
    const struct weir_command **list = NULL;
    const char **launcher = NULL;
    PyObject *from, *from_launcher, *answer = NULL;
    double start_timeout, cancel_grace, grace, recycle_age;
    unsigned long long recycle_calls, recycle_rss;
    int dialect, start_attempts;
    unsigned min_ready;
    Py_ssize_t count, max_queue;
    struct pool *pool = NULL;

    weir_pool_options_init(&options);
    if (!PyArg_ParseTuple(args, "OOiIIndddiKdKiIp", &from, &from_launcher, &dialect,
                          &options.workers, &options.window, &max_queue, &start_timeout,
                          &cancel_grace, &grace, &start_attempts, &recycle_calls, &recycle_age,
                          &recycle_rss, &options.stderr_fd, &min_ready, &options.warm)
        || !check_context(context))
        return NULL;
    count = PyList_Size(from);
    if (count < 0)
        return NULL;
    commands = calloc((size_t)count + 1, sizeof *commands);
    list = calloc((size_t)count + 1, sizeof *list);
    if (commands == NULL || list == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (take_command(PyList_GetItem(from, i), commands + i) < 0)
            goto done;
        list[i] = &commands[i].command;
    }
    if (take_words(from_launcher, &launcher) < 0)
        goto done;
    options.commands = list;
    options.command_count = (size_t)count;
    options.launcher = launcher;
    options.dialect = (enum weir_dialect)dialect;
    if (max_queue >= 0)
        options.max_queue = (size_t)max_queue;
    set_time(&options.start_timeout_ms, start_timeout);
    set_time(&options.cancel_grace_ms, cancel_grace);
    set_time(&options.grace_ms, grace);
    if (start_attempts >= 0)
        options.start_attempts = (unsigned)start_attempts;
    options.recycle_calls = recycle_calls;
    options.recycle_age_ms = to_ms(recycle_age);
    options.recycle_rss_kb = recycle_rss;
    pool = (struct pool *)((allocfunc)PyType_GetSlot(pool_type, Py_tp_alloc))(pool_type, 0);
    if (pool == NULL)
        goto done;
    init_source(&pool->source, context, (PyObject *)pool);
    ENTER(context)
    pool->pool = weir_pool_open(context->weir, &options, &error);
    if (pool->pool != NULL)
        weir_pool_on_ready(pool->pool, min_ready, pool_ready, pool);
    LEAVE
    if (pool->pool == NULL) {
        Py_DECREF((PyObject *)pool);
        raise_error(&error);
    } else {
        answer = (PyObject *)pool;
    }
done:
    for (Py_ssize_t i = 0; commands != NULL && i < count; i++)
        clear_command(commands + i);
    free(commands);
    free(list);
    free(launcher);
    return answer;
}

static int check_pool(struct pool *pool)
{
    if (!check_context(pool->source.context))
        return 0;
    if (pool->pool == NULL)
        PyErr_SetString(PyExc_RuntimeError, "the pool is closed");
    return pool->pool != NULL;
}

/* Waits for the workers.  Returns whether they are ready, and raises what keeps them from it. */
static PyObject *wait_ready(PyObject *self, PyObject *timeout)
{
    struct pool *pool = (struct pool *)self;
    int answer;

    if (!check_pool(pool))
        return NULL;
    answer = wait_flags(&pool->source, READY, timeout);
    if (answer < 0)
        return NULL;
    if (answer > 0 && pool->has_failed)
        return raise_error(&pool->error);
    return PyBool_FromLong(answer);
}

static PyObject *wait_drained(PyObject *self, PyObject *timeout)
{
    int answer = wait_flags(&((struct pool *)self)->source, DONE, timeout);

    return answer < 0 ? NULL : PyBool_FromLong(answer);
}

static PyObject *drain(PyObject *self, PyObject *args)
{
    struct pool *pool = (struct pool *)self;
    double seconds;

    if (!PyArg_ParseTuple(args, "d", &seconds) || !check_pool(pool))
        return NULL;
    ENTER_POOL(pool)
    weir_pool_drain(handle, to_ms(seconds), pool_drained, pool);
    LEAVE_POOL
    Py_RETURN_NONE;
}

static void close_pool(struct pool *pool)
{
    weir_pool_t *handle = pool->pool;

    pool->pool = NULL;
    if (handle == NULL || pool->source.context == NULL || !is_alive(pool->source.context))
        return;
    while (pool->users > 0) { /* they do not wait for anything but the leader */
        Py_BEGIN_ALLOW_THREADS poll(NULL, 0, 1);
        Py_END_ALLOW_THREADS
    }
    ENTER(pool->source.context)
    weir_pool_close(handle, 0);
    LEAVE
}

/* Cancels what is under way, and waits for the ends of the workers. */
static PyObject *close_method(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    close_pool((struct pool *)self);
    Py_RETURN_NONE;
}

static PyObject *replace(PyObject *self, PyObject *nothing)
{
    struct pool *pool = (struct pool *)self;

    (void)nothing;
    if (!check_pool(pool))
        return NULL;
    ENTER_POOL(pool)
    weir_pool_replace(handle);
    LEAVE_POOL
    Py_RETURN_NONE;
}

static PyObject *as_bytes(char *json)
{
    PyObject *answer = json != NULL ? PyBytes_FromString(json) : PyErr_NoMemory();

    free(json);
    return answer;
}

static PyObject *get_methods(PyObject *self, PyObject *nothing)
{
    struct pool *pool = (struct pool *)self;
    char *json;

    (void)nothing;
    if (!check_pool(pool))
        return NULL;
    ENTER_POOL(pool)
    json = weir_pool_methods(handle);
    LEAVE_POOL
    return as_bytes(json);
}

static PyObject *get_stats(PyObject *self, PyObject *nothing)
{
    struct pool *pool = (struct pool *)self;
    char *json;

    (void)nothing;
    if (!check_pool(pool))
        return NULL;
    ENTER_POOL(pool)
    json = weir_pool_stats(handle);
    LEAVE_POOL
    return as_bytes(json);
}

static PyObject *call(PyObject *self, PyObject *args)
{
    return check_pool((struct pool *)self) ? start_call((struct pool *)self, args) : NULL;
}

static void free_pool(PyObject *self)
{
    struct source *source = &((struct pool *)self)->source;

    if (source->context != NULL && is_alive(source->context))
        leave_source(source);
    close_pool((struct pool *)self);
    clear_source(source);
    free_object(self);
}

static PyMethodDef methods[] = {
    {"wait_ready", wait_ready, METH_O, NULL},
    {"wait_drained", wait_drained, METH_O, NULL},
    {"drain", drain, METH_VARARGS, NULL},
    {"close", close_method, METH_NOARGS, NULL},
    {"replace", replace, METH_NOARGS, NULL},
    {"methods", get_methods, METH_NOARGS, NULL},
    {"stats", get_stats, METH_NOARGS, NULL},
    {"call", call, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, refuse_new},
    {Py_tp_dealloc, free_pool},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "weir._native.Pool",
    .basicsize = sizeof(struct pool),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int register_pool(PyObject *module)
{
    pool_type = make_type(module, &spec);
    return pool_type != NULL ? 0 : -1;
}
