/* What a run, a pipeline and a map have in common: each is a job in a context. */
#include "native.h"

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
