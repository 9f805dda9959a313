/* Waiting: threads of the host wait for flags that libweir's callbacks set. */
#include "native.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

/* Signals of Python are looked for at least this often: one may come just before a wait. */
enum { SIGNALS_MS = 100 };

/* How long a wait looks before it sleeps; at the least every 2^SELDOM'th wait tries. */
enum { AWAKE_NS = 100000, SELDOM = 10 };

/* On the stack of a thread that sleeps while another one leads. */
struct follower {
    struct follower *next;
    const struct source *source;
    pthread_cond_t wake;
};

void init_source(struct source *source, struct context *context, PyObject *owner)
{
    Py_INCREF((PyObject *)context);
    source->context = context;
    source->owner = owner;
}

static void forget_news(struct source *source)
{
    struct source **at = &source->context->news;

    while (*at != NULL && *at != source)
        at = &(*at)->next_news;
    if (*at == source)
        *at = source->next_news;
}

void leave_source(struct source *source)
{
    pthread_mutex_lock(&source->context->mutex);
    if (source->has_news)
        forget_news(source);
    source->has_news = 0;
    source->owner = NULL;
    pthread_mutex_unlock(&source->context->mutex);
}

void clear_source(struct source *source)
{
    if (source->context == NULL)
        return;
    if (is_alive(source->context))
        leave_source(source);
    Py_DECREF((PyObject *)source->context);
    source->context = NULL;
}

/* With the mutex held.  Another thread has dispatched what the leader waits for, as
 * weir_pool_close() does: there may be nothing left to wake the leader. */
static int leader_may_sleep(const struct context *context, const struct source *source)
{
    return context->is_led && context->led_for == source && !context->collects
           && !pthread_equal(context->leader, pthread_self());
}

void set_flags(struct source *source, unsigned flags)
{
    struct context *context = source->context;

    pthread_mutex_lock(&context->mutex);
    source->flags |= flags;
    if (leader_may_sleep(context, source) && !context->is_woken)
        context->is_woken = write(context->news_fds[1], "", 1) == 1;
    for (struct follower *one = context->followers; one != NULL; one = one->next)
        if (one->source == source)
            pthread_cond_signal(&one->wake);
    if (context->collects && !source->has_news && source->owner != NULL) {
        struct source **last = &context->news;

        while (*last != NULL)
            last = &(*last)->next_news;
        source->next_news = NULL;
        source->has_news = 1;
        *last = source;
        if (!context->is_collecting && !context->is_woken)
            context->is_woken = write(context->news_fds[1], "", 1) == 1;
    }
    pthread_mutex_unlock(&context->mutex);
}

void drop_flags(struct source *source, unsigned flags)
{
    pthread_mutex_lock(&source->context->mutex);
    source->flags &= ~flags;
    pthread_mutex_unlock(&source->context->mutex);
}

unsigned get_flags(struct source *source)
{
    unsigned flags;

    pthread_mutex_lock(&source->context->mutex);
    flags = source->flags;
    pthread_mutex_unlock(&source->context->mutex);
    return flags;
}

void begin_news(struct context *context)
{
    pthread_mutex_lock(&context->mutex);
    context->is_collecting = 1;
    pthread_mutex_unlock(&context->mutex);
}

PyObject *take_news(struct context *context)
{
    PyObject *list = PyList_New(0);

    if (list == NULL)
        return NULL;
    for (;;) {
        struct source *source;
        char byte;

        pthread_mutex_lock(&context->mutex);
        source = context->news;
        if (source != NULL) {
            context->news = source->next_news;
            source->has_news = 0;
        } else {
            context->is_collecting = 0;
            if (context->is_woken && read(context->news_fds[0], &byte, 1) == 1)
                context->is_woken = 0;
        }
        pthread_mutex_unlock(&context->mutex);
        if (source == NULL)
            return list;
        if (PyList_Append(list, source->owner) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
}

/* --- Waiting --------------------------------------------------------------- */

/* Only there does Python run signal handlers. */
static int is_main_thread(void)
{
#ifdef __linux__
    return (pid_t)syscall(SYS_gettid) == getpid();
#elif defined __APPLE__ || defined __FreeBSD__ || defined __OpenBSD__ || defined __NetBSD__
    return pthread_main_np() != 0;
#else
    return 1;
#endif
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t now_ms(void)
{
    return now_ns() / 1000000;
}

/* The shorter of two times, of which -1 is the longest. */
static int shorter(int one, int other)
{
    return one < 0 || (other >= 0 && other < one) ? other : one;
}

/* Looks for something to dispatch for a while, without sleeping: a processor that sleeps takes
 * longer to wake up than a short call takes.  Where that is in vain, as it is for long calls and on
 * one processor, it is tried more and more seldom.  Returns whether there is something. */
static int look_awake(struct pollfd *ready, struct patience *patience)
{
    int64_t until;

    if (patience == NULL)
        return 0;
    if (patience->skips > 0) {
        patience->skips--;
        return 0;
    }
    until = now_ns() + AWAKE_NS;
    do
        if (poll(ready, 1, 0) > 0) {
            patience->fails = 0;
            return 1;
        }
    while (now_ns() < until);
    if (patience->fails < SELDOM)
        patience->fails++;
    patience->skips = 1U << patience->fails;
    return 0;
}

/* With the mutex held; leaves it meanwhile.  Returns whether signals are to be looked for. */
static int lead(struct context *context, const struct source *source, int ms,
                struct patience *patience)
{
    struct pollfd ready[] = {{.fd = context->fd, .events = POLLIN},
                             {.fd = context->news_fds[0], .events = POLLIN}};
    char byte;
    int count;

    context->is_led = 1;
    context->leader = pthread_self();
    context->led_for = source;
    pthread_mutex_unlock(&context->mutex);
    count = look_awake(ready, patience);
    if (count == 0)
        count = poll(ready, context->collects ? 1 : 2, shorter(ms, weir_timeout_ms(context->weir)));
    if (count >= 0)
        weir_dispatch(context->weir, NULL);
    pthread_mutex_lock(&context->mutex);
    context->is_led = 0;
    if (context->is_woken && !context->collects && read(context->news_fds[0], &byte, 1) == 1)
        context->is_woken = 0;
    return count <= 0;
}

/* With the mutex held.  Sleeps until a flag of the source is set, or the lead is free. */
static int follow(struct context *context, const struct source *source, int ms)
{
    struct follower me = {.source = source}, **at = &context->followers;
    int status = 0;

    pthread_cond_init(&me.wake, NULL);
    while (*at != NULL)
        at = &(*at)->next;
    *at = &me;
    if (ms < 0) {
        pthread_cond_wait(&me.wake, &context->mutex);
    } else {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += ms / 1000;
        until.tv_nsec += (long)(ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        status = pthread_cond_timedwait(&me.wake, &context->mutex, &until);
    }
    for (at = &context->followers; *at != &me;)
        at = &(*at)->next;
    *at = me.next;
    pthread_cond_destroy(&me.wake);
    return status == ETIMEDOUT;
}

static int read_timeout(PyObject *timeout, int64_t *until_ms)
{
    double seconds;

    *until_ms = INT64_MAX;
    if (timeout == Py_None)
        return 0;
    seconds = PyFloat_AsDouble(timeout);
    if (seconds == -1.0 && PyErr_Occurred())
        return -1;
    if (to_ms(seconds) != WEIR_FOREVER)
        *until_ms = now_ms() + to_ms(seconds);
    return 0;
}

int wait_flags(struct source *source, unsigned flags, PyObject *timeout)
{
    return wait_awake(source, flags, timeout, NULL);
}

int wait_awake(struct source *source, unsigned flags, PyObject *timeout, struct patience *patience)
{
    struct context *context = source->context;
    int looks_for_signals, has_looked = context->collects, raised = 0, answer;
    int64_t until_ms;
    PyThreadState *thread;

    if (!check_context(context) || read_timeout(timeout, &until_ms) < 0)
        return -1;
    looks_for_signals = is_main_thread();
    context->users++;
    thread = PyEval_SaveThread();
    pthread_mutex_lock(&context->mutex);
    while (!(source->flags & flags) && !raised) {
        int64_t left = until_ms == INT64_MAX ? -1 : until_ms - now_ms();
        int ms = left > INT32_MAX ? INT32_MAX : (int)left, looks;

        if (until_ms != INT64_MAX && left <= 0) {
            if (has_looked || context->is_led)
                break;
            ms = 0; /* with no time at all what is there is dispatched: nobody else may do it */
        }
        has_looked = 1;
        if (looks_for_signals)
            ms = shorter(ms, SIGNALS_MS);
        looks = context->is_led ? follow(context, source, ms)
                                : lead(context, source, ms,
                                       context->followers == NULL && ms != 0 ? patience : NULL);
        if (looks && looks_for_signals) {
            pthread_mutex_unlock(&context->mutex);
            PyEval_RestoreThread(thread);
            raised = PyErr_CheckSignals() < 0;
            if (context->forks
                != count_forks()) { /* a signal handler has forked: this is the child */
                if (!raised)
                    check_context(context);
                return -1;
            }
            thread = PyEval_SaveThread();
            pthread_mutex_lock(&context->mutex);
        }
    }
    answer = (source->flags & flags) != 0;
    if (!context->is_led && context->followers != NULL)
        pthread_cond_signal(&context->followers->wake);
    pthread_mutex_unlock(&context->mutex);
    PyEval_RestoreThread(thread);
    context->users--;
    return raised ? -1 : answer;
}
