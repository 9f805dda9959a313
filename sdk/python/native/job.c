/* weir._native.Job: a run, a pipeline or a map that was started. */
#include "native.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct job *new_job(struct context *context)
{
    struct job *job;

    if (!check_context(context))
        return NULL;
    job = (struct job *)((allocfunc)PyType_GetSlot(job_type, Py_tp_alloc))(job_type, 0);
    if (job != NULL) {
        init_source(&job->source, context, (PyObject *)job);
        job->last = &job->first;
    }
    return job;
}

void end_job(struct job *job, const struct weir_error *error)
{
    if (error != NULL) {
        job->has_failed = 1;
        job->error = *error;
    }
    set_flags(&job->source, DONE);
}

PyObject *job_or_error(struct job *job, const struct weir_error *error)
{
    if (job->run != NULL || job->pipeline != NULL || job->map != NULL)
        return (PyObject *)job;
    Py_DECREF((PyObject *)job);
    return raise_error(error);
}

/* --- Pieces of outputs ----------------------------------------------------- */

enum { QUEUE_LIMIT = 1 << 20 }; /* bytes; an output pauses beyond that */

struct piece {
    struct piece *next;
    int which;
    size_t length;
    char bytes[];
};

static int take_piece_in(weir_run_t *run, int which, const char *bytes, size_t length,
                         void *context)
{
    struct job *job = context;
    struct piece *piece;
    int pauses = 0;

    if (bytes == NULL || job->drops)
        return 0;
    piece = malloc(sizeof *piece + length);
    if (piece == NULL)
        return -1;
    piece->next = NULL;
    piece->which = which;
    piece->length = length;
    memcpy(piece->bytes, bytes, length);
    pthread_mutex_lock(&job->source.context->mutex);
    *job->last = piece;
    job->last = &piece->next;
    job->queued += length;
    if (job->queued > QUEUE_LIMIT && !(job->paused & 1u << which)) {
        job->paused |= 1u << which;
        pauses = 1;
    }
    pthread_mutex_unlock(&job->source.context->mutex);
    if (pauses)
        weir_run_pause(run, which, 1);
    set_flags(&job->source, VALUES);
    return 0;
}

/* The next piece, or NULL.  *paused: the outputs that are to go on. */
static struct piece *next_piece(struct job *job, unsigned *paused)
{
    struct piece *piece;

    pthread_mutex_lock(&job->source.context->mutex);
    piece = job->first;
    if (piece != NULL) {
        job->first = piece->next;
        job->queued -= piece->length;
    }
    *paused = 0;
    if (job->first == NULL) {
        job->last = &job->first;
        job->source.flags &= ~(unsigned)VALUES;
        *paused = job->paused;
        job->paused = 0;
    }
    pthread_mutex_unlock(&job->source.context->mutex);
    return piece;
}

static void resume(struct job *job, unsigned paused)
{
    for (int which = 1; which <= 2; which++)
        if (paused & 1u << which) {
            ENTER(job->source.context)
            weir_run_pause(job->run, which, 0);
            LEAVE
        }
}

/* (which, bytes), or None */
static PyObject *get_piece(PyObject *self, PyObject *nothing)
{
    struct job *job = (struct job *)self;
    struct piece *piece;
    PyObject *answer;
    unsigned paused;

    (void)nothing;
    if (!check_context(job->source.context))
        return NULL;
    piece = next_piece(job, &paused);
    resume(job, paused);
    if (piece == NULL)
        Py_RETURN_NONE;
    answer = Py_BuildValue("(iy#)", piece->which, piece->bytes, (Py_ssize_t)piece->length);
    free(piece);
    return answer;
}

static void drop_pieces(struct job *job)
{
    struct piece *piece;
    unsigned paused;

    job->drops = 1;
    do {
        piece = next_piece(job, &paused);
        resume(job, paused);
        free(piece);
    } while (piece != NULL);
}

/* Nobody takes pieces any more: a paused output goes on. */
static PyObject *drop(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    if (!check_context(((struct job *)self)->source.context))
        return NULL;
    drop_pieces((struct job *)self);
    Py_RETURN_NONE;
}

/* --- Runs ------------------------------------------------------------------ */

static void run_done(weir_run_t *run, const struct weir_result *result,
                     const struct weir_error *error, void *job)
{
    (void)run;
    (void)result;
    end_job(job, error);
}

/* (command, timeout, idle, grace, drain, input, input_fd, out, out_fd, err, err_fd, merge_stderr,
 *  max_output, overflow, charset, on_error, sinks, stop); sinks: 1 for stdout, 2 for stderr */
PyObject *start_run(struct context *context, PyObject *args)
{
    struct command command = {.argv = NULL};
    struct weir_run_options options;
    struct weir_error error = {0};
    struct weir_stop_step steps[WEIR_STOP_STEPS];
    PyObject *from, *input, *charset, *stop, *answer = NULL;
    double timeout, idle, grace, drain;
    Py_ssize_t max_output, length = 0;
    int out, err, overflow, on_error, sinks;
    const char *sequence;
    char *bytes = NULL;
    struct job *job;

    weir_run_options_init(&options);
    if (!PyArg_ParseTuple(args, "OddddOiiiiiiniOiiO", &from, &timeout, &idle, &grace, &drain,
                          &input, &options.input_fd, &out, &options.out_fd, &err, &options.err_fd,
                          &options.merge_stderr, &max_output, &overflow, &charset, &on_error,
                          &sinks, &stop))
        return NULL;
    if (take_command(from, &command) < 0 || take_bytes(stop, &sequence) < 0
        || take_bytes(charset, &options.charset) < 0
        || (input != Py_None && PyBytes_AsStringAndSize(input, &bytes, &length) < 0))
        goto done;
    options.timeout_ms = to_ms(timeout);
    options.idle_ms = to_ms(idle);
    options.grace_ms = to_ms(grace);
    options.drain_ms = to_ms(drain);
    options.input = bytes != NULL           ? WEIR_INPUT_BYTES
                    : options.input_fd >= 0 ? WEIR_INPUT_FD
                                            : WEIR_INPUT_NONE;
    options.input_bytes = bytes;
    options.input_length = (size_t)length;
    options.out = (enum weir_redirect)out;
    options.err = (enum weir_redirect)err;
    options.max_output = (size_t)max_output;
    options.overflow = (enum weir_overflow)overflow;
    options.on_error = (enum weir_on_error)on_error;
    if (sequence != NULL) {
        if (weir_stop_parse(sequence, steps, &options.stop_count, &error) < 0) {
            raise_error(&error);
            goto done;
        }
        options.stop = steps;
    }
    job = new_job(context);
    if (job == NULL)
        goto done;
    if (sinks & 1)
        options.out_sink = take_piece_in;
    if (sinks & 2)
        options.err_sink = take_piece_in;
    options.sink_context = job;
    Py_INCREF(input);
    job->input = input;
    ENTER(context)
    job->run = weir_run_start(context->weir, &command.command, &options, run_done, job, &error);
    LEAVE
    answer = job_or_error(job, &error);
done:
    clear_command(&command);
    return answer;
}

static PyObject *take_run(struct job *job, struct weir_error *error)
{
    struct weir_result result;
    int status;

    ENTER(job->source.context)
    status = weir_run_take(job->run, &result, error);
    LEAVE
    return status < 0 ? raise_error(error) : make_result(&result);
}

/* --- Pipelines ------------------------------------------------------------- */

static void pipeline_done(weir_pipeline_run_t *run, const struct weir_pipeline_report *report,
                          const struct weir_error *error, void *job)
{
    (void)run;
    (void)report;
    end_job(job, error);
}

static void add_fault(const struct weir_error *fault, void *faults)
{
    PyObject *text = PyUnicode_DecodeUTF8(fault->text, (Py_ssize_t)strlen(fault->text), "replace");

    if (text == NULL || PyList_Append(faults, text) < 0)
        PyErr_Clear();
    Py_XDECREF(text);
}

/* Raises what is wrong with a spec: all of it. */
static void raise_faults(PyObject *faults, struct weir_error *error)
{
    PyObject *line = PyUnicode_FromString("\n"), *all = NULL, *bytes = NULL;

    if (line != NULL)
        all = PyUnicode_Join(line, faults);
    if (all != NULL)
        bytes = PyUnicode_AsUTF8String(all);
    if (bytes != NULL && PyBytes_Size(bytes) > 0)
        PyOS_snprintf(error->text, sizeof error->text, "%s", PyBytes_AsString(bytes));
    Py_XDECREF(line);
    Py_XDECREF(all);
    Py_XDECREF(bytes);
    PyErr_Clear();
    raise_error(error);
}

static weir_pipeline_t *parse(const char *text, Py_ssize_t length)
{
    struct weir_error error = {0};
    PyObject *faults = PyList_New(0);
    weir_pipeline_t *pipeline;

    if (faults == NULL)
        return NULL;
    pipeline = weir_pipeline_parse(text, (size_t)length, "pipeline", add_fault, faults, &error);
    if (pipeline == NULL)
        raise_faults(faults, &error);
    Py_DECREF(faults);
    return pipeline;
}

/* (spec, input_fd, output_fd, stderr_fd) */
PyObject *start_pipeline(struct context *context, PyObject *args)
{
    struct weir_pipeline_settings settings;
    struct weir_error error = {0};
    weir_pipeline_t *pipeline;
    const char *spec;
    Py_ssize_t length;
    int input_fd, output_fd, stderr_fd, status;
    struct job *job;

    if (!PyArg_ParseTuple(args, "y#iii", &spec, &length, &input_fd, &output_fd, &stderr_fd))
        return NULL;
    pipeline = parse(spec, length);
    if (pipeline == NULL)
        return NULL;
    weir_pipeline_get(pipeline, &settings);
    settings.input_fd = input_fd;
    settings.output_fd = output_fd;
    settings.stderr_fd = stderr_fd;
    status = weir_pipeline_set(pipeline, &settings, &error);
    job = status == 0 ? new_job(context) : NULL;
    if (job != NULL) {
        ENTER(context)
        job->pipeline = weir_pipeline_start(context->weir, pipeline, pipeline_done, job, &error);
        LEAVE
    }
    weir_pipeline_free(pipeline);
    if (status < 0)
        return raise_error(&error);
    return job != NULL ? job_or_error(job, &error) : NULL;
}

/* A report as (json, [Result of each stage]). */
static PyObject *take_pipeline(struct job *job, struct weir_error *error)
{
    struct weir_pipeline_report report;
    PyObject *results, *answer = NULL;
    char *json;
    int status;

    ENTER(job->source.context)
    status = weir_pipeline_run_take(job->pipeline, &report, error);
    LEAVE
    if (status < 0)
        return raise_error(error);
    json = weir_pipeline_report_json(&report);
    results = PyList_New(0);
    for (size_t i = 0; results != NULL && i < report.stage_count; i++) {
        PyObject *one = make_result(&report.stages[i].result);

        if (one == NULL || PyList_Append(results, one) < 0) {
            Py_DECREF(results);
            results = NULL;
        }
        Py_XDECREF(one);
    }
    if (json == NULL)
        PyErr_NoMemory();
    else if (results != NULL)
        answer = Py_BuildValue("(yO)", json, results);
    Py_XDECREF(results);
    free(json);
    weir_pipeline_report_clear(&report);
    return answer;
}

/* --- Methods --------------------------------------------------------------- */

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
    {"piece", get_piece, METH_NOARGS, NULL},
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
