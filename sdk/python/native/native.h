/* weir._native: libweir for Python, on the stable ABI and libweir's public API alone.
 *
 * Locks.  libweir's callbacks run without the GIL and use no Python: they set flags of a `source`
 * (source.c), and whoever waits for these wakes up.  Every call that enters libweir is made
 * without the GIL, as another thread may be inside of a callback meanwhile.
 *
 * Fork.  In a child made by fork() the objects of the parent are left alone: their methods raise
 * an error, and they are never freed. */
#ifndef WEIR_PYTHON_NATIVE_H
#define WEIR_PYTHON_NATIVE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x03090000
#include <Python.h>

#include <pthread.h>
#include <stdatomic.h>
#include <weir/weir.h>

/* What a thread can wait for.  Guarded by the mutex of its context. */
enum { DONE = 1, VALUES = 2, CREDIT = 4, READY = 8 };

struct source {
    struct context *context;
    PyObject *owner; /* borrowed: it has this source in it; NULL: it is being freed */
    unsigned flags;
    struct source *next_news;
    int has_news;
};

/* A context and the threads that wait in it: one of them, the leader, polls and dispatches for
 * all, and the others sleep. */
struct context {
    PyObject_HEAD weir_t *weir; /* NULL: closed */
    int fd;
    int is_initialised;
    unsigned forks; /* when it was made */
    pthread_mutex_t mutex;
    atomic_int is_led; /* set with the mutex held */
    pthread_t leader;
    const struct source *led_for; /* what the leader waits for */
    struct follower *followers;
    int collects; /* keeps the sources that have news, for dispatch() */
    struct source *news;
    /* A pipe with a byte in it while there are news that no dispatch() is about to return; in a
     * context that does not collect, after another thread has dispatched what the leader waits
     * for. */
    int news_fds[2];
    int is_collecting, is_woken;
    unsigned users; /* threads inside of libweir */
};

struct job {
    PyObject_HEAD struct source source;
    weir_run_t *run;
    weir_pipeline_run_t *pipeline;
    weir_map_t *map;
    PyObject *input; /* borrowed by the run */
    /* What the sinks were given and Python has not taken; guarded by the mutex of the context. */
    struct piece *first, **last;
    size_t queued;
    unsigned paused; /* bits: 1 << which */
    int drops;       /* pieces are not wanted any more */
    struct weir_map_item
        item; /* of a map, if has_item: it was taken, and Python does not have it */
    int has_item;
    int is_taking; /* a thread is inside of take_from_map(); guarded by the GIL, as item is */
    int has_failed;
    struct weir_error error;
};

struct result {
    PyObject_HEAD struct weir_result result;
};

/* Whether calls of a pool end so soon that waiting for them awake is quicker than sleeping. */
struct patience {
    unsigned skips; /* waits that sleep at once before the next one that does not */
    unsigned fails; /* in a row, of those that did not */
};

struct pool {
    PyObject_HEAD struct source source; /* READY, then DONE: drained */
    struct patience patience;
    weir_pool_t *pool;
    unsigned users; /* threads inside of libweir with it */
    int has_failed;
    struct weir_error error;
};

extern PyTypeObject *context_type, *job_type, *result_type, *pool_type, *call_type;

/* object.c */
/* Sets the Python exception for an error.  Returns NULL. */
PyObject *raise_error(const struct weir_error *error);
PyObject *set_error_maker(PyObject *module, PyObject *maker);
PyTypeObject *make_type(PyObject *module, PyType_Spec *spec);
void free_object(PyObject *object);
PyObject *refuse_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
int watch_forks(void);
unsigned count_forks(void);
/* Whether this context can be used: otherwise sets an exception. */
int check_context(struct context *context);
/* Whether what belongs to a context can still be freed. */
int is_alive(const struct context *context);

/* source.c */
void init_source(struct source *source, struct context *context, PyObject *owner);
/* Before its owner is freed: no news of it are told any more. */
void leave_source(struct source *source);
void clear_source(struct source *source);
void set_flags(struct source *source, unsigned flags);
void drop_flags(struct source *source, unsigned flags);
unsigned get_flags(struct source *source);
/* Waits until one of these flags is set, and for at most timeout seconds (None: no limit).
 * Returns 1, 0 at the timeout, -1 with an exception, also one of a signal handler. */
int wait_flags(struct source *source, unsigned flags, PyObject *timeout);
/* The same for what may end at once. */
int wait_awake(struct source *source, unsigned flags, PyObject *timeout, struct patience *patience);
/* What comes until take_news() wakes nobody. */
void begin_news(struct context *context);
/* The owners of the sources that have news, as a list. */
PyObject *take_news(struct context *context);

/* context.c */
int register_context(PyObject *module);

/* Brackets around what enters libweir. */
#define ENTER(where)                                                                               \
    {                                                                                              \
        struct context *entered_ = (where);                                                        \
        entered_->users++;                                                                         \
        Py_BEGIN_ALLOW_THREADS
#define LEAVE                                                                                      \
    Py_END_ALLOW_THREADS entered_->users--;                                                        \
    }

/* command.c: a command and what it borrows from Python. */
struct command {
    struct weir_command command;
    const char **argv, **env, **env_pass;
};
int take_command(PyObject *from, struct command *command);
void clear_command(struct command *command);
/* A NULL-terminated array for a list of bytes, or NULL for None. */
int take_words(PyObject *list, const char ***words);
int take_bytes(PyObject *bytes, const char **text);
int64_t to_ms(double seconds);

/* job.c.  NULL: an exception is set. */
struct job *new_job(struct context *context);
/* For a callback: it is over. */
void end_job(struct job *job, const struct weir_error *error);
/* The job, or NULL with an exception when it did not start. */
PyObject *job_or_error(struct job *job, const struct weir_error *error);

/* run.c */
PyObject *start_run(struct context *context, PyObject *args);
PyObject *take_piece(PyObject *self, PyObject *nothing);
void drop_pieces(struct job *job);
PyObject *take_run(struct job *job, struct weir_error *error);

/* pipeline.c */
PyObject *start_pipeline(struct context *context, PyObject *args);
PyObject *take_pipeline(struct job *job, struct weir_error *error);

/* map.c */
PyObject *start_map(struct context *context, PyObject *args);
PyObject *feed_map(PyObject *self, PyObject *record);
PyObject *close_map_input(PyObject *self, PyObject *nothing);
PyObject *take_from_map(PyObject *self, PyObject *nothing);
PyObject *stop_map(PyObject *self, PyObject *nothing);
PyObject *take_map(struct job *job, struct weir_error *error);

/* job_type.c */
int register_job(PyObject *module);

/* result.c: takes what is in *result. */
int register_result(PyObject *module);
PyObject *make_result(struct weir_result *result);
PyObject *describe_report(PyObject *module, PyObject *args);

/* pool.c, call.c */
int register_pool(PyObject *module);
PyObject *open_pool(struct context *context, PyObject *args);
#define ENTER_POOL(of)                                                                             \
    {                                                                                              \
        struct pool *used_ = (of);                                                                 \
        weir_pool_t *handle = used_->pool; /* close() forgets it while others are inside */        \
        used_->users++;                                                                            \
        ENTER(used_->source.context)
#define LEAVE_POOL                                                                                 \
    LEAVE                                                                                          \
    used_->users--;                                                                                \
    }
int register_call(PyObject *module);
PyObject *start_call(struct pool *pool, PyObject *args);

#endif
