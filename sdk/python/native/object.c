/* What all objects of the module share: their types and errors, and whether the process that made
 * them is this one. */
#include "native.h"

PyTypeObject *context_type, *job_type, *result_type, *pool_type, *call_type;

/* --- Errors ---------------------------------------------------------------- */

static PyObject *error_maker;

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

PyObject *set_error_maker(PyObject *module, PyObject *maker)
{
    (void)module;
    Py_INCREF(maker);
    Py_XDECREF(error_maker);
    error_maker = maker;
    Py_RETURN_NONE;
}

/* --- Types ----------------------------------------------------------------- */

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

/* --- Forks ----------------------------------------------------------------- */

static unsigned forks;

static void count_fork(void)
{
    forks++;
}

int watch_forks(void)
{
    static int watches;

    if (!watches && pthread_atfork(NULL, NULL, count_fork) != 0)
        return -1;
    watches = 1;
    return 0;
}

unsigned count_forks(void)
{
    return forks;
}

int is_alive(const struct context *context)
{
    return context->weir != NULL && context->forks == count_forks();
}

int check_context(struct context *context)
{
    if (context->forks != count_forks())
        PyErr_SetString(PyExc_RuntimeError,
                        "this belongs to the process that forked this one: make another one here");
    else if (context->weir == NULL)
        PyErr_SetString(PyExc_RuntimeError, "the context is closed");
    else
        return 1;
    return 0;
}
