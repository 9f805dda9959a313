#include "config.h"

#include "proc/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"

enum {
    INTERRUPTED_AFTER_MS = 100, /* a handler may have run just before a wait */
    LED_MS = 100,               /* when to look again for deadlines that another thread has now */
};

struct weir__task {
    struct weir__task *next;
    void (*work)(void *data);
    void *data;
    int done;
};

/* On the stack of a thread that sleeps. */
struct weir__waiter {
    struct weir__waiter *next;
    const int *done;
    pthread_cond_t wake;
};

void weir_options_init_sized(struct weir_options *options, size_t size)
{
    struct weir_options defaults = {.size = sizeof defaults};

    weir__options_init(options, size, &defaults, sizeof defaults);
}

const char *weir_version(void)
{
    return PACKAGE_VERSION;
}

static void report_lost(void *data)
{
    weir__context_tell(data, (struct weir_event){.kind = WEIR_EVENT_SPAWNER_LOST, .stage = -1});
}

/* How often this process, and those it descends from, were made by fork() since the first
 * context: reading it costs less than getpid(2), and each call looks. */
static unsigned forks;
static int cannot_count; /* an errno; 0: forks are counted */

static void count_fork(void)
{
    forks++;
}

static void begin_counting(void)
{
    cannot_count = pthread_atfork(NULL, NULL, count_fork);
}

static int is_of_this_process(const weir_t *weir)
{
    return weir->forks == forks;
}

weir_t *weir_open(const struct weir_options *options, struct weir_error *error)
{
    static pthread_once_t counting = PTHREAD_ONCE_INIT;
    struct weir_options taken;
    weir_t *weir;

    weir_options_init(&taken);
    if (weir__options_take(&taken, sizeof taken, options, "weir_options", error) < 0)
        return NULL;
    pthread_once(&counting, begin_counting);
    weir = cannot_count == 0 ? calloc(1, sizeof *weir) : NULL;
    if (weir == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a context");
        return NULL;
    }
    weir->pid = getpid();
    weir->forks = forks;
    pthread_mutex_init(&weir->mutex, NULL);
    weir->last_task = &weir->tasks;
    weir->on_event = taken.on_event;
    weir->event_context = taken.event_context;
    weir->loop = weir__loop_new(error);
    weir__client_init(&weir->client, weir->loop, report_lost, weir);
    if (weir->loop == NULL || weir__client_start(&weir->client, &taken, error) < 0) {
        weir__loop_free(weir->loop);
        pthread_mutex_destroy(&weir->mutex);
        free(weir);
        return NULL;
    }
    return weir;
}

int weir__context_check(const weir_t *weir, struct weir_error *error)
{
    if (is_of_this_process(weir))
        return 0;
    return weir__fail(error, WEIR_ERR_INVALID, 0,
                      "the context belongs to process %ld, which forked this one: open another "
                      "with weir_open()",
                      (long)weir->pid);
}

void weir_close(weir_t *weir)
{
    if (weir == NULL || !is_of_this_process(weir))
        return;
    weir->client.is_closing = 1;
    while (weir->members != NULL)
        weir->members->free(weir->members);
    weir__client_close(&weir->client);
    weir__loop_free(weir->loop);
    pthread_mutex_destroy(&weir->mutex);
    free(weir);
}

void weir_forget(weir_t *weir)
{
    if (weir == NULL || is_of_this_process(weir))
        return;
    weir__loop_forget(weir->loop);
    for (struct weir__spawner *spawner = weir->client.spawners; spawner != NULL;
         spawner = spawner->next)
        spawner->link.socket = -1; /* the loop has closed it */
}

static int leads(const weir_t *weir)
{
    return weir->led && pthread_equal(weir->leader, pthread_self());
}

static void take_lead(weir_t *weir)
{
    weir->led = 1;
    weir->leader = pthread_self();
}

/* Gives the lead to a sleeping thread, if there is one. */
static void leave_lead(weir_t *weir)
{
    weir->led = 0;
    if (weir->waiters != NULL)
        pthread_cond_signal(&weir->waiters->wake);
}

static void wake_waiter(weir_t *weir, const int *done)
{
    for (struct weir__waiter *waiter = weir->waiters; waiter != NULL; waiter = waiter->next)
        if (waiter->done == done)
            pthread_cond_signal(&waiter->wake);
}

/* With the mutex held and the lead taken; leaves the mutex meanwhile. */
static void do_tasks(weir_t *weir)
{
    while (weir->tasks != NULL) {
        struct weir__task *task = weir->tasks;

        weir->tasks = task->next;
        if (weir->tasks == NULL)
            weir->last_task = &weir->tasks;
        pthread_mutex_unlock(&weir->mutex);
        task->work(task->data);
        pthread_mutex_lock(&weir->mutex);
        task->done = 1;
        wake_waiter(weir, &task->done);
    }
}

/* With the mutex held.  Sleeps until *done or the lead is free, or for this long (-1: no limit). */
static void sleep_until(weir_t *weir, const int *done, int limit_ms)
{
    struct weir__waiter waiter = {.done = done}, **last = &weir->waiters;
    struct timespec until;
    int failed = 0;

    pthread_cond_init(&waiter.wake, NULL);
    while (*last != NULL)
        last = &(*last)->next;
    *last = &waiter;
    if (limit_ms >= 0) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += limit_ms * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
    }
    while (!*done && weir->led && failed == 0)
        failed = limit_ms < 0 ? pthread_cond_wait(&waiter.wake, &weir->mutex)
                              : pthread_cond_timedwait(&waiter.wake, &weir->mutex, &until);
    for (last = &weir->waiters; *last != &waiter;)
        last = &(*last)->next;
    *last = waiter.next;
    pthread_cond_destroy(&waiter.wake);
    /* Woken to lead, but already done: the lead is for the next one. */
    if (*done && !weir->led && weir->waiters != NULL)
        pthread_cond_signal(&weir->waiters->wake);
}

/* With the mutex held and the lead taken.  Who polls weir_fd() must see what we
 * began; where it was never asked for, that saves two system calls. */
static void settle(weir_t *weir)
{
    while (weir->is_polled) {
        pthread_mutex_unlock(&weir->mutex);
        weir__loop_settle(weir->loop);
        pthread_mutex_lock(&weir->mutex);
        if (weir->tasks == NULL)
            return;
        do_tasks(weir);
    }
}

/* With the mutex held.  Leads, or follows, until *done. */
static void run_until(weir_t *weir, const int *done)
{
    while (!*done) {
        if (weir->led) {
            sleep_until(weir, done, -1);
            continue;
        }
        take_lead(weir);
        do_tasks(weir);
        while (!*done) {
            pthread_mutex_unlock(&weir->mutex);
            weir__loop_run(weir->loop, 1);
            pthread_mutex_lock(&weir->mutex);
            do_tasks(weir);
        }
        settle(weir);
        leave_lead(weir);
    }
}

static void do_here(weir_t *weir, void (*work)(void *data), void *data, int waits)
{
    struct weir__task task = {.work = work, .data = data};

    pthread_mutex_lock(&weir->mutex);
    if (leads(weir)) {
        pthread_mutex_unlock(&weir->mutex);
        work(data);
        return;
    }
    if (!weir->led) {
        take_lead(weir);
        pthread_mutex_unlock(&weir->mutex);
        work(data);
        pthread_mutex_lock(&weir->mutex);
        do_tasks(weir);
        if (!waits)
            settle(weir);
        leave_lead(weir);
    } else {
        *weir->last_task = &task;
        weir->last_task = &task.next;
        weir__loop_wake(weir->loop);
        while (!task.done) {
            if (weir->led) {
                sleep_until(weir, &task.done, -1);
            } else {
                take_lead(weir);
                do_tasks(weir);
                leave_lead(weir);
            }
        }
    }
    pthread_mutex_unlock(&weir->mutex);
}

void weir__context_do(weir_t *weir, void (*work)(void *data), void *data)
{
    do_here(weir, work, data, 0);
}

void weir__context_do_then_wait(weir_t *weir, void (*work)(void *data), void *data)
{
    do_here(weir, work, data, 1);
}

static int refuse_to_wait(struct weir_error *error)
{
    return weir__fail(error, WEIR_ERR_BUSY, 0,
                      "cannot wait inside a callback of the same context: start it, and have its "
                      "end reported to a callback");
}

int weir__context_wait(weir_t *weir, const int *done, struct weir_error *error)
{
    int status = weir__context_check(weir, error);

    if (status < 0)
        return status;

    pthread_mutex_lock(&weir->mutex);
    if (!leads(weir))
        run_until(weir, done);
    else if (!*done)
        status = refuse_to_wait(error);
    pthread_mutex_unlock(&weir->mutex);
    return status;
}

/* With the mutex held.  Leads, or follows, until *done or an interruption. */
static int wait_interruptible(weir_t *weir, const int *done)
{
    int is_interrupted = 0;

    while (!*done && !is_interrupted) {
        if (weir->led) {
            sleep_until(weir, done, INTERRUPTED_AFTER_MS);
            is_interrupted = weir->led;
            continue;
        }
        take_lead(weir);
        do_tasks(weir);
        while (!*done && !is_interrupted) {
            pthread_mutex_unlock(&weir->mutex);
            is_interrupted = !weir__loop_run_interruptible(weir->loop, INTERRUPTED_AFTER_MS);
            pthread_mutex_lock(&weir->mutex);
            do_tasks(weir);
        }
        settle(weir);
        leave_lead(weir);
    }
    return !*done;
}

int weir__context_wait_interruptible(weir_t *weir, const int *done, struct weir_error *error)
{
    int status = weir__context_check(weir, error);

    if (status < 0)
        return status;
    pthread_mutex_lock(&weir->mutex);
    if (leads(weir) && !*done)
        status = refuse_to_wait(error);
    else if (!leads(weir) && wait_interruptible(weir, done))
        status = weir__fail(error, WEIR_ERR_INTERRUPTED, EINTR,
                            "a signal may have come: handle it, and wait again");
    pthread_mutex_unlock(&weir->mutex);
    return status;
}

int weir__context_leads(weir_t *weir)
{
    int answer;

    pthread_mutex_lock(&weir->mutex);
    answer = leads(weir);
    pthread_mutex_unlock(&weir->mutex);
    return answer;
}

void weir__context_done(weir_t *weir, int *done)
{
    pthread_mutex_lock(&weir->mutex);
    *done = 1;
    wake_waiter(weir, done);
    pthread_mutex_unlock(&weir->mutex);
}

int weir__context_is_done(weir_t *weir, const int *done)
{
    int answer;

    pthread_mutex_lock(&weir->mutex);
    answer = *done;
    pthread_mutex_unlock(&weir->mutex);
    return answer;
}

struct refresh {
    weir_t *weir;
    struct weir_error *error;
    int status;
};

static void do_refresh(void *data)
{
    struct refresh *refresh = data;

    refresh->status = weir__client_refresh(&refresh->weir->client, refresh->error);
}

int weir_refresh(weir_t *weir, struct weir_error *error)
{
    struct weir_error why = {0};
    struct refresh refresh = {weir, &why, weir__context_check(weir, error)};

    if (refresh.status < 0)
        return refresh.status;
    weir__context_do(weir, do_refresh, &refresh);
    if (refresh.status < 0 && error != NULL)
        *error = why;
    return refresh.status;
}

static void do_nothing(void *data)
{
    (void)data;
}

int weir_fd(const weir_t *weir)
{
    weir_t *ours = (weir_t *)weir; /* what it means to its user does not change */
    int was_polled;

    pthread_mutex_lock(&ours->mutex);
    was_polled = ours->is_polled;
    ours->is_polled = 1;
    pthread_mutex_unlock(&ours->mutex);
    if (!was_polled)
        weir__context_do(ours, do_nothing, NULL);
    return weir__loop_fd(weir->loop);
}

int weir_timeout_ms(weir_t *weir)
{
    int ms = LED_MS;

    pthread_mutex_lock(&weir->mutex);
    if (!weir->led || leads(weir))
        ms = weir__loop_timeout_ms(weir->loop);
    pthread_mutex_unlock(&weir->mutex);
    return ms;
}

int weir_dispatch(weir_t *weir, struct weir_error *error)
{
    (void)error;
    pthread_mutex_lock(&weir->mutex);
    if (!weir->led) {
        take_lead(weir);
        do_tasks(weir);
        pthread_mutex_unlock(&weir->mutex);
        weir__loop_run(weir->loop, 0);
        pthread_mutex_lock(&weir->mutex);
        do_tasks(weir);
        settle(weir);
        leave_lead(weir);
    }
    pthread_mutex_unlock(&weir->mutex);
    return 0;
}

void weir__context_join(weir_t *weir, struct weir__member *member,
                        void (*free_member)(struct weir__member *member))
{
    pthread_mutex_lock(&weir->mutex);
    member->weir = weir;
    member->free = free_member;
    member->next = weir->members;
    member->link = &weir->members;
    if (member->next != NULL)
        member->next->link = &member->next;
    weir->members = member;
    pthread_mutex_unlock(&weir->mutex);
}

void weir__context_leave(struct weir__member *member)
{
    weir_t *weir = member->weir;

    if (weir == NULL)
        return;
    pthread_mutex_lock(&weir->mutex);
    *member->link = member->next;
    if (member->next != NULL)
        member->next->link = member->link;
    pthread_mutex_unlock(&weir->mutex);
    member->weir = NULL;
}

void weir__context_tell(weir_t *weir, struct weir_event event)
{
    if (weir->client.trace != NULL)
        weir__trace_event(weir->client.trace, &event);
    if (weir->on_event == NULL)
        return;
    event.time_ns = weir__clock_wall_ns();
    if (event.text == NULL)
        event.text = "";
    if (event.name == NULL)
        event.name = "";
    weir->on_event(&event, weir->event_context);
}
