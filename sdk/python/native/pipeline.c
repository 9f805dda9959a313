/* Pipelines. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

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
PyObject *take_pipeline(struct job *job, struct weir_error *error)
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
