/* The module: its types, its errors, and how often the process has forked. */
#include "native.h"

#include <stdlib.h>

PyTypeObject *context_type, *job_type, *result_type, *pool_type, *call_type;

static PyObject *error_maker;
static unsigned forks;

static void count_fork(void)
{
    forks++;
}

unsigned count_forks(void)
{
    return forks;
}

PyObject *raise_error(const struct weir_error *error)
{
    PyObject *made;

    if (error->status == WEIR_ERR_NOMEM || error_maker == NULL)
        return PyErr_NoMemory();
    made = PyObject_CallFunction(error_maker, "iis", (int)error->status, error->sys_errno,
                                 error->text);
    if (made != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(made), made);
    Py_XDECREF(made);
    return NULL;
}

static PyObject *set_error_maker(PyObject *module, PyObject *maker)
{
    (void)module;
    Py_INCREF(maker);
    Py_XDECREF(error_maker);
    error_maker = maker;
    Py_RETURN_NONE;
}

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

PyTypeObject *make_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromSpec(spec);
    const char *name = spec->name;

    for (const char *at = name; *at != '\0'; at++)
        if (*at == '.')
            name = at + 1;
    if (type == NULL)
        return NULL;
    Py_INCREF(type);
    if (PyModule_AddObject(module, name, type) < 0) {
        Py_DECREF(type);
        Py_DECREF(type);
        return NULL;
    }
    return (PyTypeObject *)type;
}

void free_object(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    PyObject_Free(object);
    Py_DECREF(type);
}

PyObject *refuse_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)type;
    (void)args;
    (void)kwargs;
    PyErr_SetString(PyExc_TypeError, "a context makes these objects");
    return NULL;
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
    static int counts;
    PyObject *made = PyModule_Create(&module);

    if (made == NULL)
        return NULL;
    if (!counts && pthread_atfork(NULL, NULL, count_fork) != 0) {
        Py_DECREF(made);
        return PyErr_NoMemory();
    }
    counts = 1;
    if (register_context(made) < 0 || register_job(made) < 0 || register_result(made) < 0
        || register_pool(made) < 0 || register_call(made) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
