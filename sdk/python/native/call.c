/* weir._native.Call: a call of a pool.  Values of its output stream wait here until they are taken.
 */
#include "native.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct value {
    struct value *next;
    size_t length;
    char bytes[];
};

struct call {
    PyObject_HEAD struct source source;
    struct pool *pool;
    weir_call_t *call;
    struct value *first, **last; /* guarded by the mutex of the context */
    int lacks_memory;
    unsigned credit, taken; /* values in flight; values taken since the last grant */
};

/* With no memory for a value the stream is cut off. */
static void on_value(weir_call_t *handle, const char *bytes, size_t length, void *context)
{
    struct call *call = context;
    struct value *value = malloc(sizeof *value + length);

    if (value == NULL) {
        call->lacks_memory = 1;
        weir_call_cancel(handle);
        return;
    }
    value->next = NULL;
    value->length = length;
    memcpy(value->bytes, bytes, length);
    pthread_mutex_lock(&call->source.context->mutex);
    *call->last = value;
    call->last = &value->next;
    pthread_mutex_unlock(&call->source.context->mutex);
    set_flags(&call->source, VALUES);
}

static void on_credit(weir_call_t *handle, void *context)
{
    struct call *call = context;

    (void)handle;
    set_flags(&call->source, CREDIT);
}

static void on_done(weir_call_t *handle, const struct weir_reply *reply, void *context)
{
    struct call *call = context;

    (void)handle;
    (void)reply;
    set_flags(&call->source, DONE);
}

/* Between calls nobody looks at the workers: a death since then is to be known before the call. */
static void look(struct context *context)
{
    struct pollfd ready = {.fd = context->fd, .events = POLLIN};

    if (context->is_led || poll(&ready, 1, 0) <= 0)
        return;
    if (context->collects)
        begin_news(context); /* the caller of call() takes them */
    weir_dispatch(context->weir, NULL);
}

/* (method, params, timeout, idempotent, input, stream, credit, traceparent) */
PyObject *start_call(struct pool *pool, PyObject *args)
{
    struct weir_call_options options;
    struct weir_call_sink sink;
    struct weir_error error = {0};
    struct context *context = pool->source.context;
    PyObject *method, *traceparent;
    const char *name, *params;
    Py_ssize_t length;
    double timeout;
    int stream;
    struct call *call;

    weir_call_options_init(&options);
    weir_call_sink_init(&sink);
    if (!PyArg_ParseTuple(args, "Oy#dippIO", &method, &params, &length, &timeout,
                          &options.idempotent, &options.input, &stream, &options.credit,
                          &traceparent)
        || take_bytes(method, &name) < 0 || take_bytes(traceparent, &options.traceparent) < 0)
        return NULL;
    options.timeout_ms = to_ms(timeout);
    call = (struct call *)((allocfunc)PyType_GetSlot(call_type, Py_tp_alloc))(call_type, 0);
    if (call == NULL)
        return NULL;
    init_source(&call->source, context, (PyObject *)call);
    Py_INCREF((PyObject *)pool);
    call->pool = pool;
    call->last = &call->first;
    call->credit = options.credit;
    if (stream)
        sink.on_value = on_value;
    if (options.input)
        sink.on_credit = on_credit;
    sink.on_done = on_done;
    sink.context = call;
    ENTER_POOL(pool)
    look(context);
    call->call = weir_call_start(handle, name, params, (size_t)length, &options, &sink, &error);
    LEAVE_POOL
    if (call->call != NULL)
        return (PyObject *)call;
    Py_DECREF((PyObject *)call);
    return raise_error(&error);
}

/* wait(flags, timeout) -> bool */
static PyObject *wait_call(PyObject *self, PyObject *args)
{
    struct call *call = (struct call *)self;
    unsigned flags;
    PyObject *timeout;
    int answer;

    if (!PyArg_ParseTuple(args, "IO", &flags, &timeout))
        return NULL;
    answer = wait_awake(&call->source, flags, timeout, &call->pool->patience);
    return answer < 0 ? NULL : PyBool_FromLong(answer);
}

static PyObject *flags_of(PyObject *self, PyObject *nothing)
{
    struct call *call = (struct call *)self;

    (void)nothing;
    return check_context(call->source.context) ? PyLong_FromUnsignedLong(get_flags(&call->source))
                                               : NULL;
}

static struct value *take_value(struct call *call)
{
    struct source *source = &call->source;
    struct value *value;

    pthread_mutex_lock(&source->context->mutex);
    value = call->first;
    if (value != NULL) {
        call->first = value->next;
        if (call->first == NULL) {
            call->last = &call->first;
            source->flags &= ~(unsigned)VALUES;
        }
    }
    pthread_mutex_unlock(&source->context->mutex);
    return value;
}

/* The next value that is there, or None.  Grants credit for others. */
static PyObject *next(PyObject *self, PyObject *nothing)
{
    struct call *call = (struct call *)self;
    struct value *value;
    PyObject *bytes;

    (void)nothing;
    if (!check_context(call->source.context))
        return NULL;
    value = take_value(call);
    if (value == NULL)
        Py_RETURN_NONE;
    bytes = PyBytes_FromStringAndSize(value->bytes, (Py_ssize_t)value->length);
    free(value);
    if (++call->taken >= (call->credit + 1) / 2 && !(get_flags(&call->source) & DONE)) {
        unsigned granted = call->taken;

        call->taken = 0;
        ENTER(call->source.context)
        weir_call_grant(call->call, granted);
        LEAVE
    }
    return bytes;
}

/* Sends a value: 1 sent, 0 the call takes no more, -1 it has no credit now: wait for CREDIT. */
static PyObject *send(PyObject *self, PyObject *args)
{
    struct call *call = (struct call *)self;
    struct weir_error error = {0};
    const char *bytes;
    Py_ssize_t length;
    int status = -1;

    if (!PyArg_ParseTuple(args, "y#", &bytes, &length) || !check_context(call->source.context))
        return NULL;
    drop_flags(&call->source, CREDIT);
    if (!(get_flags(&call->source) & DONE) && weir_call_credit(call->call) == 0)
        return PyLong_FromLong(-1);
    ENTER(call->source.context)
    status = weir_call_send(call->call, bytes, (size_t)length, &error);
    LEAVE
    return status < 0 ? raise_error(&error) : PyLong_FromLong(status);
}

/* end(message or None): the end of the input stream. */
static PyObject *end(PyObject *self, PyObject *args)
{
    struct call *call = (struct call *)self;
    const char *message;

    if (!PyArg_ParseTuple(args, "z", &message) || !check_context(call->source.context))
        return NULL;
    ENTER(call->source.context)
    weir_call_end(call->call, message);
    LEAVE
    Py_RETURN_NONE;
}

static PyObject *cancel(PyObject *self, PyObject *nothing)
{
    struct call *call = (struct call *)self;

    (void)nothing;
    if (!check_context(call->source.context))
        return NULL;
    ENTER(call->source.context)
    weir_call_cancel(call->call);
    LEAVE
    Py_RETURN_NONE;
}

/* Once, after DONE: (outcome, code, result, message, error, pid, attempts) */
static PyObject *reply(PyObject *self, PyObject *nothing)
{
    struct call *call = (struct call *)self;
    struct weir_reply got;
    struct weir_error error = {0};
    PyObject *answer;
    int status;

    (void)nothing;
    if (!check_context(call->source.context))
        return NULL;
    ENTER(call->source.context)
    status = weir_call_wait(call->call, &got, &error);
    LEAVE
    if (status < 0)
        return raise_error(&error);
    if (call->lacks_memory) {
        weir_reply_clear(&got);
        return PyErr_NoMemory();
    }
    answer = Py_BuildValue("(iLy#yyiI)", (int)got.outcome, (long long)got.code,
                           got.result != NULL ? got.result : "", (Py_ssize_t)got.length,
                           got.message, got.error, (int)got.pid, got.attempts);
    weir_reply_clear(&got);
    return answer;
}

static void free_call(PyObject *self)
{
    struct call *call = (struct call *)self;
    struct context *context = call->source.context;
    struct value *value;

    if (context != NULL && is_alive(context)) {
        leave_source(&call->source);
        ENTER(context)
        weir_call_free(call->call);
        LEAVE
        while ((value = take_value(call)) != NULL)
            free(value);
    }
    clear_source(&call->source);
    Py_XDECREF((PyObject *)call->pool);
    free_object(self);
}

static PyMethodDef methods[] = {
    {"wait", wait_call, METH_VARARGS, NULL}, {"flags", flags_of, METH_NOARGS, NULL},
    {"next", next, METH_NOARGS, NULL},       {"send", send, METH_VARARGS, NULL},
    {"end", end, METH_VARARGS, NULL},        {"cancel", cancel, METH_NOARGS, NULL},
    {"reply", reply, METH_NOARGS, NULL},     {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, refuse_new},
    {Py_tp_dealloc, free_call},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "weir._native.Call",
    .basicsize = sizeof(struct call),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int register_call(PyObject *module)
{
    call_type = make_type(module, &spec);
    return call_type != NULL ? 0 : -1;
}
