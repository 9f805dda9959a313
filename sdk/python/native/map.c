/* Maps: weir._native.Job with records and results in memory, or in files for a checkpoint. */
#include "native.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* --- The start --------------------------------------------------------------- */

static void has_item(weir_map_t *map, void *job)
{
    (void)map;
    set_flags(&((struct job *)job)->source, VALUES);
}

static void has_room(weir_map_t *map, void *job)
{
    (void)map;
    set_flags(&((struct job *)job)->source, CREDIT);
}

static void is_done(weir_map_t *map, const struct weir_map_report *report,
                    const struct weir_error *error, void *job)
{
    (void)map;
    (void)report;
    end_job(job, error);
}

/* Statuses of success, from a list. The caller frees *exits. */
static int take_exits(PyObject *list, int **exits, size_t *count)
{
    Py_ssize_t size = PyList_Size(list);

    if (size < 0)
        return -1;
    *exits = calloc((size_t)size + 1, sizeof **exits);
    if (*exits == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        long value = PyLong_AsLong(PyList_GetItem(list, i));

        if (PyErr_Occurred())
            return -1;
        if (value < 0 || value > 255) {
            PyErr_SetString(PyExc_ValueError, "an exit status is a number from 0 to 255");
            return -1;
        }
        (*exits)[i] = (int)value;
    }
    *count = (size_t)size;
    return 0;
}

/* What struct weir_map_options and struct weir_each_options borrow. */
struct lists {
    int *exits;
    const char **launcher;
};

/* (is_json, to_stdin, max_output, ok_exits, retry_delay, delay, interval_ns, max_load, memory_free,
 *  jobserver, hosts, launcher, launcher_shell) */
static int take_each(PyObject *from, struct weir_map_options *options,
                     struct weir_each_options *each, struct lists *lists)
{
    PyObject *ok_exits, *jobserver, *hosts, *launcher;
    Py_ssize_t max_output;
    double retry_delay, delay;
    long long interval_ns;
    unsigned long long memory_free;
    int is_json;

    weir_each_options_init(each);
    if (!PyArg_ParseTuple(from, "ppnOddLdKOOOp", &is_json, &each->to_stdin, &max_output, &ok_exits,
                          &retry_delay, &delay, &interval_ns, &each->max_load, &memory_free,
                          &jobserver, &hosts, &launcher, &options->launcher_shell)
        || take_exits(ok_exits, &lists->exits, &each->ok_exit_count) < 0
        || take_bytes(jobserver, &each->jobserver) < 0 || take_bytes(hosts, &each->hosts) < 0
        || take_words(launcher, &lists->launcher) < 0)
        return -1;
    options->launcher = lists->launcher;
    each->memory_free = memory_free;
    each->output = WEIR_EACH_JSON;
    each->max_output = (size_t)max_output;
    each->ok_exits = lists->exits;
    each->retry_delay_ms = to_ms(retry_delay);
    each->delay_ms = to_ms(delay);
    each->interval_ns = interval_ns;
    weir_each_set_up(options, each);
    options->format = is_json ? WEIR_MAP_NDJSON : WEIR_MAP_NUL;
    return 0;
}

/* (checkpoint, dead_letter, output, input_fd) */
static int take_files(PyObject *from, struct weir_map_options *options)
{
    PyObject *checkpoint, *dead_letter, *output;

    if (!PyArg_ParseTuple(from, "OOOi", &checkpoint, &dead_letter, &output, &options->input_fd)
        || take_bytes(checkpoint, &options->checkpoint) < 0
        || take_bytes(dead_letter, &options->dead_letter) < 0
        || take_bytes(output, &options->output) < 0)
        return -1;
    options->on_error = WEIR_MAP_DEAD_LETTER;
    return 0;
}

/* (command, call, workers, unordered, start_timeout, record_timeout, timeout, grace, retries,
 *  window, warm, each, files, stderr_fd); 0 and inf are defaults.  each is None for workers; files
 *  is None where records are fed and results taken. */
PyObject *start_map(struct context *context, PyObject *args)
{
    struct command command = {.argv = NULL};
    struct weir_map_options options;
    struct weir_each_options each_options;
    struct weir_error error = {0};
    PyObject *from, *call, *each, *files, *answer = NULL;
    double start_timeout, record_timeout, timeout, grace;
    Py_ssize_t window;
    unsigned retries;
    struct lists lists = {.exits = NULL};
    struct job *job;

    weir_map_options_init(&options);
    if (!PyArg_ParseTuple(args, "OOIpddddInpOOi", &from, &call, &options.workers,
                          &options.unordered, &start_timeout, &record_timeout, &timeout, &grace,
                          &retries, &window, &options.warm, &each, &files, &options.stderr_fd))
        return NULL;
    options.input = WEIR_MAP_FED;
    options.on_error = WEIR_MAP_SKIP;
    if (take_command(from, &command) < 0 || take_bytes(call, &options.call) < 0
        || (each != Py_None && take_each(each, &options, &each_options, &lists) < 0))
        goto done;
    if (files != Py_None) {
        options.input = NULL;
        if (take_files(files, &options) < 0)
            goto done;
    } else {
        options.on_item = has_item;
        options.on_room = has_room;
    }
    options.command = &command.command;
    options.start_timeout_ms = to_ms(start_timeout);
    options.record_timeout_ms = to_ms(record_timeout);
    options.timeout_ms = to_ms(timeout);
    options.grace_ms = to_ms(grace);
    options.retries = retries;
    if (window > 0)
        options.window = (size_t)window;
    job = new_job(context);
    if (job == NULL)
        goto done;
    ENTER(context)
    job->map = weir_map_start(context->weir, &options, is_done, job, &error);
    /* One that its checkpoint refuses is over after this turn: before its output is read. */
    if (job->map != NULL && options.checkpoint != NULL)
        weir_dispatch(context->weir, NULL);
    LEAVE
    answer = job_or_error(job, &error);
done:
    clear_command(&command);
    free(lists.exits);
    free(lists.launcher);
    return answer;
}

/* --- Records ----------------------------------------------------------------- */

static int feed(struct job *job, const char *record, size_t length, struct weir_error *error)
{
    int status;

    ENTER(job->source.context)
    status = weir_map_try_feed(job->map, record, length, error);
    if (status == 0) { /* once more, as room that came before does not count */
        drop_flags(&job->source, CREDIT);
        status = weir_map_try_feed(job->map, record, length, error);
    }
    LEAVE
    return status;
}

/* Returns 1, 0 if there is no room (CREDIT says when), or -1 if the map takes no more. */
PyObject *feed_map(PyObject *self, PyObject *record)
{
    struct job *job = (struct job *)self;
    struct weir_error error;
    Py_ssize_t length;
    char *bytes;
    int status;

    if (!check_context(job->source.context) || PyBytes_AsStringAndSize(record, &bytes, &length) < 0)
        return NULL;
    status = feed(job, bytes, (size_t)length, &error);
    if (status < 0 && !(error.status == WEIR_ERR_SYSTEM && error.sys_errno == EPIPE))
        return raise_error(&error);
    return PyLong_FromLong(status < 0 ? -1 : status);
}

/* There are no more records. */
PyObject *close_map_input(PyObject *self, PyObject *nothing)
{
    struct job *job = (struct job *)self;
    struct weir_error error;
    int status;

    (void)nothing;
    if (!check_context(job->source.context))
        return NULL;
    ENTER(job->source.context)
    status = weir_map_close_input(job->map, &error);
    LEAVE
    if (status < 0)
        return raise_error(&error);
    Py_RETURN_NONE;
}

/* --- Results ----------------------------------------------------------------- */

enum { ENOUGH = 64 * 1024 }; /* bytes of replies that are taken at a time, or one that is longer */

struct replies {
    char *bytes;
    size_t length, room;
};

static int add_reply(struct replies *replies, const struct weir_map_item *item)
{
    size_t needed = replies->length + item->length + 1;

    if (needed > replies->room) {
        size_t room = needed > ENOUGH / 2 ? needed + ENOUGH : ENOUGH / 2;
        char *bytes = realloc(replies->bytes, room);

        if (bytes == NULL)
            return WEIR_ERR_NOMEM;
        replies->bytes = bytes;
        replies->room = room;
    }
    if (replies->length > 0)
        replies->bytes[replies->length++] = '\n';
    if (item->length > 0)
        memcpy(replies->bytes + replies->length, item->bytes, item->length);
    replies->length += item->length;
    return 0;
}

/* Takes replies up to another kind of item, which is then in job->item. */
static int take_replies(struct job *job, struct replies *replies, struct weir_error *error)
{
    int status = 1;

    drop_flags(&job->source, VALUES); /* what comes from here on is told again */
    while (status == 1 && !job->has_item && replies->length < ENOUGH) {
        status = weir_map_try_next(job->map, &job->item, error);
        job->has_item = status == 1;
        if (status != 1)
            continue;
        if (job->item.outcome == WEIR_MAP_ANSWERED && job->item.output == NULL) {
            if (job->item.bytes != NULL && add_reply(replies, &job->item) < 0)
                return WEIR_ERR_NOMEM;
            job->has_item = 0;
        } else if (job->item.outcome == WEIR_MAP_DROPPED) {
            job->has_item = 0;
        }
    }
    return status;
}

static PyObject *take(struct job *job)
{
    struct replies replies = {.bytes = NULL};
    struct weir_error error = {0};
    PyObject *answer = NULL;
    int status = 0;

    if (!job->has_item) {
        ENTER(job->source.context)
        status = take_replies(job, &replies, &error);
        LEAVE
    }
    if (status < 0 && error.status != WEIR_ERR_BUSY) {
        if (error.status == 0)
            PyErr_NoMemory();
        else
            raise_error(&error);
    } else if (replies.length > 0) {
        answer = PyBytes_FromStringAndSize(replies.bytes, (Py_ssize_t)replies.length);
    } else if (job->has_item) {
        job->has_item = 0;
        answer = Py_BuildValue("(y#y#)", job->item.bytes, (Py_ssize_t)job->item.length,
                               job->item.output, (Py_ssize_t)job->item.output_length);
    } else {
        Py_INCREF(Py_None);
        answer = Py_None;
    }
    free(replies.bytes);
    return answer;
}

/* What came next: replies as bytes, one a line; or (dead letter, document of a program's end), each
 * of them bytes or None; or None: nothing yet, or, once the map is done, nothing more.  One thread
 * at a time. */
PyObject *take_from_map(PyObject *self, PyObject *nothing)
{
    struct job *job = (struct job *)self;
    PyObject *answer;

    (void)nothing;
    if (!check_context(job->source.context))
        return NULL;
    if (job->is_taking) {
        PyErr_SetString(PyExc_RuntimeError, "another thread takes from this map");
        return NULL;
    }
    job->is_taking = 1;
    answer = take(job);
    job->is_taking = 0;
    return answer;
}

/* --- The end ----------------------------------------------------------------- */

/* A report as (json, []). */
PyObject *take_map(struct job *job, struct weir_error *error)
{
    struct weir_map_report report;
    PyObject *answer;
    char *json;
    int status;

    ENTER(job->source.context)
    status = weir_map_take(job->map, &report, error);
    LEAVE
    if (status < 0)
        return raise_error(error);
    json = weir_map_report_json(&report);
    weir_map_report_clear(&report);
    if (json == NULL)
        return PyErr_NoMemory();
    answer = Py_BuildValue("(y[])", json);
    free(json);
    return answer;
}

/* Its workers get their stop sequence. */
PyObject *stop_map(PyObject *self, PyObject *nothing)
{
    struct job *job = (struct job *)self;

    (void)nothing;
    if (!check_context(job->source.context))
        return NULL;
    ENTER(job->source.context)
    weir_map_stop(job->map, SIGTERM);
    LEAVE
    Py_RETURN_NONE;
}
