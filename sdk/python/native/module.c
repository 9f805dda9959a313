/* The module: its functions and types. */
#include "native.h"

static PyObject *get_version(PyObject *module, PyObject *nothing)
{
    (void)module;
    (void)nothing;
    return PyUnicode_FromString(weir_version());
}

/* weir_limit_find(): the index of a resource limit. */
static PyObject *find_limit(PyObject *module, PyObject *args)
{
    struct weir_error error = {0};
    const char *name;
    int limit;

    (void)module;
    if (!PyArg_ParseTuple(args, "s", &name))
        return NULL;
    limit = weir_limit_find(name, &error);
    return limit < 0 ? raise_error(&error) : PyLong_FromLong(limit);
}

static PyMethodDef functions[] = {
    {"set_error_maker", set_error_maker, METH_O, NULL},
    {"version", get_version, METH_NOARGS, NULL},
    {"find_limit", find_limit, METH_VARARGS, NULL},
    {"describe", describe_report, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "weir._native", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *made = PyModule_Create(&module);

    if (made == NULL)
        return NULL;
    if (watch_forks() < 0) {
        Py_DECREF(made);
        return PyErr_NoMemory();
    }
    if (register_context(made) < 0 || register_job(made) < 0 || register_result(made) < 0
        || register_pool(made) < 0 || register_call(made) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
