/* weir._native.Result: how a program ended.  Its outputs become Python's when they are asked for.
 */
#include "native.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGE = 4 << 20 };

PyObject *make_result(struct weir_result *result)
{
    struct result *made =
        (struct result *)((allocfunc)PyType_GetSlot(result_type, Py_tp_alloc))(result_type, 0);

    if (made != NULL) {
        made->result = *result;
        memset(result, 0, sizeof *result);
    } else {
        weir_result_clear(result);
    }
    return (PyObject *)made;
}

static void free_result(PyObject *self)
{
    weir_result_clear(&((struct result *)self)->result);
    free_object(self);
}

static PyObject *decode(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *numbers(const int *from, size_t count)
{
    PyObject *list = PyList_New(0);

    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *one = PyLong_FromLong(from[i]);

        if (one == NULL || PyList_Append(list, one) < 0) {
            Py_DECREF(list);
            list = NULL;
        }
        Py_XDECREF(one);
    }
    return list;
}

/* (pid, end, why, code, signal, sys_errno, status, sentence, wall_ns, user_us, system_us,
 *  max_rss_kb, stopped_with, holder_pid, holder_command, limits_hit, started_at_ns) */
static PyObject *fields(PyObject *self, PyObject *nothing)
{
    const struct weir_result *result = &((struct result *)self)->result;
    char sentence[640];

    (void)nothing;
    weir_result_sentence(result, sentence, sizeof sentence);
    return Py_BuildValue(
        "(issiiiiNLLLLNiNIL)", (int)result->pid, weir_exit_kind_name(result->end),
        weir_stop_reason_name(result->why), result->code, result->signal, result->sys_errno,
        weir_result_status(result), decode(sentence), (long long)result->wall_ns,
        (long long)result->user_us, (long long)result->system_us, (long long)result->max_rss_kb,
        numbers(result->stopped_with, result->stopped_with_count), (int)result->holder_pid,
        decode(result->holder_command), result->limits_hit, (long long)result->started_at_ns);
}

static const struct weir_output *output_of(PyObject *self, PyObject *which)
{
    const struct weir_result *result = &((struct result *)self)->result;

    return PyObject_IsTrue(which) ? &result->err : &result->out;
}

/* (total, truncated, abandoned, replaced, invalid_at, charset, spooled) of stdout, or of stderr
 * when the argument is true. */
static PyObject *output(PyObject *self, PyObject *which)
{
    const struct weir_output *out = output_of(self, which);

    return Py_BuildValue("(KNNKLsy)", (unsigned long long)out->total,
                         PyBool_FromLong(out->truncated), PyBool_FromLong(out->abandoned),
                         (unsigned long long)out->replaced, (long long)out->invalid_at,
                         out->charset, out->spooled);
}

/* As weir's own capture: most of the time to copy much goes into pages that the kernel makes. */
static void prefer_large_pages(const char *bytes, size_t length)
{
#ifdef MADV_HUGEPAGE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)bytes;
    size_t before = begin % page;

    if (length >= LARGE)
        madvise((void *)(begin - before), (before + length + page - 1) / page * page,
                MADV_HUGEPAGE);
#else
    (void)bytes;
    (void)length;
#endif
}

static PyObject *get_bytes(PyObject *self, PyObject *which)
{
    const struct weir_output *out = output_of(self, which);
    PyObject *made = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)out->kept);
    char *bytes;

    if (made == NULL || out->bytes == NULL)
        return made;
    bytes = PyBytes_AsString(made);
    prefer_large_pages(bytes, out->kept);
    memcpy(bytes, out->bytes, out->kept);
    return made;
}

static PyObject *get_text(PyObject *self, PyObject *which)
{
    const struct weir_output *out = output_of(self, which);

    if (out->text == NULL && out->kept > 0)
        Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(out->text != NULL ? out->text : "", (Py_ssize_t)out->text_length,
                                "strict");
}

/* The report of `weir run --json`. */
static PyObject *get_json(PyObject *self, PyObject *nothing)
{
    const struct weir_result *result = &((struct result *)self)->result;
    PyObject *answer;
    char *json;

    (void)nothing;
    Py_BEGIN_ALLOW_THREADS json = weir_result_json(result);
    Py_END_ALLOW_THREADS if (json == NULL) return PyErr_NoMemory();
    answer = PyBytes_FromString(json);
    free(json);
    return answer;
}

/* (end, why, step, code, signal, sys_errno, limits_hit, program, cwd) of a report, with names or
 * None, as (status, sentence). */
PyObject *describe_report(PyObject *module, PyObject *args)
{
    struct weir_result result = {.reserved = {0}};
    const char *end, *why, *step, *program, *cwd;
    char *argv[2] = {NULL, NULL}, sentence[640];

    (void)module;
    if (!PyArg_ParseTuple(args, "ssziiiIyy", &end, &why, &step, &result.code, &result.signal,
                          &result.sys_errno, &result.limits_hit, &program, &cwd))
        return NULL;
    argv[0] = (char *)program;
    result.argv = argv;
    result.cwd = (char *)cwd;
    while (result.end < WEIR_STATUS_LOST && strcmp(weir_exit_kind_name(result.end), end) != 0)
        result.end++;
    while (result.why < WEIR_STOP_HOST_GONE && strcmp(weir_stop_reason_name(result.why), why) != 0)
        result.why++;
    result.step = step != NULL ? WEIR_STEP_CHDIR : WEIR_STEP_NONE;
    while (step != NULL && result.step < WEIR_STEP_EXEC
           && strcmp(weir_step_name(result.step), step) != 0)
        result.step++;
    weir_result_sentence(&result, sentence, sizeof sentence);
    return Py_BuildValue("(iN)", weir_result_status(&result), decode(sentence));
}

static PyMethodDef methods[] = {
    {"fields", fields, METH_NOARGS, NULL}, {"output", output, METH_O, NULL},
    {"raw", get_bytes, METH_O, NULL},      {"text", get_text, METH_O, NULL},
    {"json", get_json, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, refuse_new},
    {Py_tp_dealloc, free_result},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "weir._native.Result",
    .basicsize = sizeof(struct result),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int register_result(PyObject *module)
{
    result_type = make_type(module, &spec);
    return result_type != NULL ? 0 : -1;
}
