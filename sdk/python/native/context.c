/* weir._native.Context: a context, its descriptor and what is started in it. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

static int open_pipe(int fds[2])
{
#ifdef __linux__
    return pipe2(fds, O_CLOEXEC | O_NONBLOCK);
#else
    if (pipe(fds) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
#endif
}

static void close_pipe(struct context *context)
{
    for (int i = 0; i < 2; i++) {
        if (context->news_fds[i] >= 0)
            close(context->news_fds[i]);
        context->news_fds[i] = -1;
    }
}

/* Context(spawner: Optional[bytes], collects: bool) */
static PyObject *new_context(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct weir_options options;
    struct weir_error error = {0};
    struct context *context;
    PyObject *spawner;
    int collects;

    (void)kwargs;
    weir_options_init(&options);
    if (!PyArg_ParseTuple(args, "Op", &spawner, &collects)
        || take_bytes(spawner, &options.spawner) < 0)
        return NULL;
    context = (struct context *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (context == NULL)
        return NULL;
    pthread_mutex_init(&context->mutex, NULL);
    context->is_initialised = 1;
    context->forks = count_forks();
    context->collects = collects;
    context->news_fds[0] = context->news_fds[1] = -1;
    if (open_pipe(context->news_fds) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        Py_DECREF((PyObject *)context);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS context->weir = weir_open(&options, &error);
    context->fd = context->weir != NULL ? weir_fd(context->weir) : -1;
    Py_END_ALLOW_THREADS if (context->weir == NULL)
    {
        Py_DECREF((PyObject *)context);
        return raise_error(&error);
    }
    return (PyObject *)context;
}

/* Returns whether it is closed now: not while other threads are inside of it. */
static int close_context(struct context *context)
{
    weir_t *weir = context->weir;

    if (!is_alive(context))
        return 1;
    if (context->users > 0)
        return 0;
    context->weir = NULL;
    Py_BEGIN_ALLOW_THREADS weir_close(weir);
    Py_END_ALLOW_THREADS close_pipe(context);
    return 1;
}

static void free_context(PyObject *self)
{
    struct context *context = (struct context *)self;

    if (context->is_initialised && context->forks == count_forks()) {
        close_context(context);
        close_pipe(context);
        pthread_mutex_destroy(&context->mutex);
    }
    free_object(self);
}

static PyObject *close_method(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    return PyBool_FromLong(close_context((struct context *)self));
}

/* In a child made by fork(): closes its copies of the parent's descriptors. */
static PyObject *forget(PyObject *self, PyObject *nothing)
{
    struct context *context = (struct context *)self;

    (void)nothing;
    if (context->forks != count_forks() && context->weir != NULL)
        weir_forget(context->weir);
    if (context->forks != count_forks())
        close_pipe(context);
    Py_RETURN_NONE;
}

static PyObject *get_fd(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    return PyLong_FromLong(((struct context *)self)->fd);
}

/* Readable while news() has something that dispatch() did not return; -1 if it does not collect. */
static PyObject *get_news_fd(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    return PyLong_FromLong(
        ((struct context *)self)->collects ? ((struct context *)self)->news_fds[0] : -1);
}

static PyObject *get_timeout_ms(PyObject *self, PyObject *nothing)
{
    struct context *context = (struct context *)self;

    (void)nothing;
    return check_context(context) ? PyLong_FromLong(weir_timeout_ms(context->weir)) : NULL;
}

static PyObject *dispatch(PyObject *self, PyObject *nothing)
{
    struct context *context = (struct context *)self;

    (void)nothing;
    if (!check_context(context))
        return NULL;
    begin_news(context);
    ENTER(context)
    weir_dispatch(context->weir, NULL);
    LEAVE
    return take_news(context);
}

static PyObject *news_method(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    return check_context((struct context *)self) ? take_news((struct context *)self) : NULL;
}

static PyObject *refresh(PyObject *self, PyObject *nothing)
{
    struct context *context = (struct context *)self;
    struct weir_error error = {0};
    int status;

    (void)nothing;
    if (!check_context(context))
        return NULL;
    ENTER(context)
    status = weir_refresh(context->weir, &error);
    LEAVE
    if (status < 0)
        return raise_error(&error);
    Py_RETURN_NONE;
}

static PyObject *run(PyObject *self, PyObject *args)
{
    return start_run((struct context *)self, args);
}

static PyObject *pipeline(PyObject *self, PyObject *args)
{
    return start_pipeline((struct context *)self, args);
}

static PyObject *map(PyObject *self, PyObject *args)
{
    return start_map((struct context *)self, args);
}

static PyObject *pool(PyObject *self, PyObject *args)
{
    return open_pool((struct context *)self, args);
}

static PyMethodDef methods[] = {
    {"close", close_method, METH_NOARGS, NULL},
    {"forget", forget, METH_NOARGS, NULL},
    {"fd", get_fd, METH_NOARGS, NULL},
    {"timeout_ms", get_timeout_ms, METH_NOARGS, NULL},
    {"dispatch", dispatch, METH_NOARGS, NULL},
    {"news", news_method, METH_NOARGS, NULL},
    {"news_fd", get_news_fd, METH_NOARGS, NULL},
    {"refresh", refresh, METH_NOARGS, NULL},
    {"run", run, METH_VARARGS, NULL},
    {"pipeline", pipeline, METH_VARARGS, NULL},
    {"map", map, METH_VARARGS, NULL},
    {"pool", pool, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, new_context},
    {Py_tp_dealloc, free_context},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "weir._native.Context",
    .basicsize = sizeof(struct context),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int register_context(PyObject *module)
{
    context_type = make_type(module, &spec);
    return context_type != NULL ? 0 : -1;
}
