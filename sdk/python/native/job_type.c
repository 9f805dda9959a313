/* weir._native.Job: the methods of runs, pipelines and maps. */
#include "native.h"

#include <signal.h>

static PyObject *wait_job(PyObject *self, PyObject *timeout)
{
    int answer = wait_flags(&((struct job *)self)->source, DONE, timeout);

    return answer < 0 ? NULL : PyBool_FromLong(answer);
}

/* Waits until there is a piece of an output, or the end. */
static PyObject *wait_output(PyObject *self, PyObject *timeout)
{
    int answer = wait_flags(&((struct job *)self)->source, VALUES | DONE, timeout);

    return answer < 0 ? NULL : PyBool_FromLong(answer);
}

/* Waits until a map may take another record, or the end. */
static PyObject *wait_room(PyObject *self, PyObject *timeout)
{
    int answer = wait_flags(&((struct job *)self)->source, CREDIT | DONE, timeout);

    return answer < 0 ? NULL : PyBool_FromLong(answer);
}

static PyObject *flags_of(PyObject *self, PyObject *nothing)
{
    struct job *job = (struct job *)self;

    (void)nothing;
    return check_context(job->source.context) ? PyLong_FromUnsignedLong(get_flags(&job->source))
                                              : NULL;
}

static PyObject *is_done(PyObject *self, PyObject *nothing)
{
    struct job *job = (struct job *)self;

    (void)nothing;
    return check_context(job->source.context) ? PyBool_FromLong(get_flags(&job->source) & DONE)
                                              : NULL;
}

/* Pieces are not wanted any more: a paused output goes on. */
static PyObject *drop(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    if (!check_context(((struct job *)self)->source.context))
        return NULL;
    drop_pieces((struct job *)self);
    Py_RETURN_NONE;
}

/* The stop sequence; a second time: SIGKILL. */
static PyObject *cancel(PyObject *self, PyObject *nothing)
{
    struct job *job = (struct job *)self;

    (void)nothing;
    if (!check_context(job->source.context))
        return NULL;
    ENTER(job->source.context)
    if (job->run != NULL)
        weir_run_cancel(job->run);
    if (job->pipeline != NULL)
        weir_pipeline_run_cancel(job->pipeline);
    if (job->map != NULL)
        weir_map_cancel(job->map, SIGTERM);
    LEAVE
    Py_RETURN_NONE;
}

static PyObject *result(PyObject *self, PyObject *nothing)
{
    struct job *job = (struct job *)self;
    struct weir_error error = {0};

    (void)nothing;
    if (!check_context(job->source.context))
        return NULL;
    if (job->has_failed)
        return raise_error(&job->error);
    if (job->run != NULL)
        return take_run(job, &error);
    return job->pipeline != NULL ? take_pipeline(job, &error) : take_map(job, &error);
}

/* Kills what runs. */
static void free_job(PyObject *self)
{
    struct job *job = (struct job *)self;
    struct context *context = job->source.context;

    if (context != NULL && is_alive(context)) {
        leave_source(&job->source);
        ENTER(context)
        weir_run_free(job->run);
        weir_pipeline_run_free(job->pipeline);
        weir_map_free(job->map);
        LEAVE
        job->run = NULL;
        job->paused = 0;
        drop_pieces(job);
    }
    clear_source(&job->source);
    Py_XDECREF(job->input);
    free_object(self);
}

static PyMethodDef methods[] = {
    {"wait", wait_job, METH_O, NULL},
    {"done", is_done, METH_NOARGS, NULL},
    {"cancel", cancel, METH_NOARGS, NULL},
    {"result", result, METH_NOARGS, NULL},
    {"wait_output", wait_output, METH_O, NULL},
    {"wait_room", wait_room, METH_O, NULL},
    {"flags", flags_of, METH_NOARGS, NULL},
    {"piece", take_piece, METH_NOARGS, NULL},
    {"drop", drop, METH_NOARGS, NULL},
    {"feed", feed_map, METH_O, NULL},
    {"close_input", close_map_input, METH_NOARGS, NULL},
    {"take", take_from_map, METH_NOARGS, NULL},
    {"stop", stop_map, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, refuse_new},
    {Py_tp_dealloc, free_job},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "weir._native.Job",
    .basicsize = sizeof(struct job),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int register_job(PyObject *module)
{
    job_type = make_type(module, &spec);
    return job_type != NULL ? 0 : -1;
}
