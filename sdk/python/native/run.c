/* Runs, and the pieces of their outputs that Python takes. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

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
PyObject *take_piece(PyObject *self, PyObject *nothing)
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

void drop_pieces(struct job *job)
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

/* --- The run ---------------------------------------------------------------- */

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

PyObject *take_run(struct job *job, struct weir_error *error)
{
    struct weir_result result;
    int status;

    ENTER(job->source.context)
    status = weir_run_take(job->run, &result, error);
    LEAVE
    return status < 0 ? raise_error(error) : make_result(&result);
}
