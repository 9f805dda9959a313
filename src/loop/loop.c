#include "config.h"

#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#ifdef HAVE_SYS_TIMERFD_H
#include <sys/timerfd.h>
#endif
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/facility.h"
#include "base/fd.h"

struct weir__loop {
    uv_loop_t uv;
    size_t table_entries; /* memory was there for this many: see has_memory_for() */
    uv_async_t wake;
    int has_news;              /* what libuv tells the kernel, or ends, in its next run */
    int quiet;                 /* settling: no callbacks */
    weir__watch *late_watches; /* what fired meanwhile */
    weir__timer *late_timers;
    weir__timer *due_timers; /* rung, and not called back yet */
    int is_due;              /* something must be checked again, and no descriptor reports it */
#ifdef HAVE_SYS_TIMERFD_H
    /* libuv's timers live in the timeout of its poll.  A program that polls the
     * backend descriptor alone sees them through this one. */
    int alarm_fd;         /* -1: timerfd_create(2) does not work here */
    uint64_t alarm_at_ms; /* on the loop's clock; 0: it is not set */
    uv_poll_t alarm;
#endif
};

struct weir__watch {
    uv_poll_t uv; /* first: libuv hands it back */
    weir__watch_callback callback;
    void *data;
    int bits;
    weir__watch *next_late;
};

struct weir__timer {
    uv_timer_t uv; /* first: libuv hands it back */
    weir__timer_callback callback;
    void *data;
    weir__timer *next_late, *next_due;
    int is_deadline; /* started for a time, and not for the next turn */
    int has_polled;  /* of one that is due */
};

static void do_nothing(uv_async_t *wake)
{
    (void)wake;
}

#ifdef HAVE_SYS_TIMERFD_H
static void alarm_rang(uv_poll_t *alarm, int status, int events)
{
    weir__loop *loop = alarm->data;
    uint64_t times;

    (void)status;
    (void)events;
    loop->alarm_at_ms = 0;
    if (read(loop->alarm_fd, &times, sizeof times) < 0)
        return; /* another thread was faster */
}

static int open_alarm(weir__loop *loop)
{
    const struct itimerspec off = {0};
    int failed;

    loop->alarm_fd = weir__facility_works(WEIR__TIMERFD)
                         ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
                         : -1;
    if (loop->alarm_fd < 0 || timerfd_settime(loop->alarm_fd, 0, &off, NULL) < 0) {
        weir__facility_failed(WEIR__TIMERFD, errno);
        weir__close(&loop->alarm_fd);
        return 0;
    }
    failed = uv_poll_init(&loop->uv, &loop->alarm, loop->alarm_fd);
    if (failed != 0) {
        close(loop->alarm_fd);
        return failed;
    }
    loop->alarm.data = loop;
    uv_poll_start(&loop->alarm, UV_READABLE, alarm_rang);
    return 0;
}

static void set_alarm(weir__loop *loop)
{
    struct itimerspec when = {0};
    int ms = weir__loop_timeout_ms(loop);
    uint64_t at_ms = ms >= 0 ? uv_now(&loop->uv) + (uint64_t)ms : 0;

    if (loop->alarm_fd < 0)
        return;
    if (at_ms == loop->alarm_at_ms && ms != 0)
        return;
    loop->alarm_at_ms = at_ms;
    if (ms >= 0) {
        when.it_value.tv_sec = ms / 1000;
        when.it_value.tv_nsec = ms % 1000 * 1000000L + 1; /* zero would mean off */
    }
    timerfd_settime(loop->alarm_fd, 0, &when, NULL);
}
#else
static int open_alarm(weir__loop *loop)
{
    (void)loop;
    return 0;
}

static void set_alarm(weir__loop *loop)
{
    (void)loop;
}
#endif

enum { LOOP_FDS = 8 }; /* as many descriptors as libuv and we open for a loop, at most */

/* Makes sure that a loop finds room, and above 2.  At the first loop of a
 * process libuv aborts where it finds none, at others it forgets to close what
 * it has opened; and a host whose stdout is closed would print into the loop.
 * Fills held with what to close afterwards.  Returns 0, or an errno. */
static int make_room(int held[STDERR_FILENO + 1])
{
    int fds[LOOP_FDS], failed = 0, count = 0, fd = -1;

    for (int i = 0; i <= STDERR_FILENO; i++)
        held[i] = -1;
    while (failed == 0 && count < LOOP_FDS) {
        fd = fd < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            failed = errno;
        else if (fd <= STDERR_FILENO)
            held[fd] = fd;
        else
            fds[count++] = fd;
    }
    while (count > 0)
        weir__close(&fds[--count]);
    return failed;
}

/* Where libuv's table of descriptors cannot grow to have this one, it ends the process: so
 * whether there is memory for it is looked at first.  Returns 0, or UV_ENOMEM. */
static int has_memory_for(weir__loop *loop, int fd)
{
    size_t entries = loop->table_entries > 0 ? loop->table_entries : 16;
    void *table;

    while ((size_t)fd + 3 > entries) /* two of them are libuv's own */
        entries *= 2;
    if (entries == loop->table_entries)
        return 0;
    table = malloc(entries * sizeof(void *));
    if (table == NULL)
        return UV_ENOMEM;
    free(table);
    loop->table_entries = entries;
    return 0;
}

static int open_handles(weir__loop *loop)
{
    int failed = has_memory_for(loop, 64);

    if (failed == 0)
        failed = uv_loop_init(&loop->uv);

    if (failed != 0)
        return failed;
    loop->uv.data = loop;
    loop->has_news = 1;
    failed = uv_async_init(&loop->uv, &loop->wake, do_nothing);
    if (failed == 0) {
        failed = open_alarm(loop);
        if (failed != 0)
            uv_close((uv_handle_t *)&loop->wake, NULL);
    }
    if (failed != 0) {
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        uv_loop_close(&loop->uv);
    }
    return failed;
}

weir__loop *weir__loop_new(struct weir_error *error)
{
    weir__loop *loop = calloc(1, sizeof *loop);
    int held[STDERR_FILENO + 1], failed;

    if (loop == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a loop");
        return NULL;
    }
    failed = -make_room(held);
    if (failed == 0)
        failed = open_handles(loop);
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        weir__close(&held[fd]);
    if (failed != 0) {
        free(loop);
        weir__fail(error, failed == UV_ENOMEM ? WEIR_ERR_NOMEM : WEIR_ERR_SYSTEM, -failed,
                   "cannot open an event loop: it needs epoll and eventfd, or what the system has "
                   "in their place");
        return NULL;
    }
    return loop;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void close_handle(uv_handle_t *handle, void *data)
{
    weir__loop *loop = data;

    if (uv_is_closing(handle))
        return;
#ifdef HAVE_SYS_TIMERFD_H
    if (handle == (uv_handle_t *)&loop->alarm) {
        uv_close(handle, NULL);
        return;
    }
#endif
    uv_close(handle, handle == (uv_handle_t *)&loop->wake ? NULL : free_handle);
}

void weir__loop_free(weir__loop *loop)
{
    if (loop == NULL)
        return;
    uv_walk(&loop->uv, close_handle, loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
#ifdef HAVE_SYS_TIMERFD_H
    weir__close(&loop->alarm_fd);
#endif
    free(loop);
}

/* Where this process stood still, a deadline and what came before it are seen at once: what has
 * come is handled first, so that no deadline ends what was in time. */
static void call_due_timers(weir__loop *loop)
{
    weir__timer **place = &loop->due_timers;
    int has_deadline = 0;

    for (weir__timer *timer = loop->due_timers; timer != NULL; timer = timer->next_due) {
        has_deadline |= timer->is_deadline;
        timer->has_polled = 1;
    }
    if (has_deadline)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    while (*place != NULL) {
        weir__timer *timer = *place;

        if (timer->has_polled) {
            *place = timer->next_due;
            timer->callback(timer->data); /* it may stop others, and close this one */
            place = &loop->due_timers;
        } else {
            place = &timer->next_due;
        }
    }
    loop->is_due |= loop->due_timers != NULL;
}

void weir__loop_run(weir__loop *loop, int wait)
{
    loop->has_news = 0;
    loop->is_due = 0;
    uv_run(&loop->uv, wait && loop->due_timers == NULL ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    if (loop->due_timers != NULL)
        call_due_timers(loop);
}

int weir__loop_run_interruptible(weir__loop *loop, int limit_ms)
{
    struct pollfd events = {.fd = weir__loop_fd(loop), .events = POLLIN};
    int next_ms, ready;

    weir__loop_run(loop, 0);
    weir__loop_settle(loop);
    next_ms = weir__loop_timeout_ms(loop);
    ready = poll(&events, 1, next_ms >= 0 && next_ms < limit_ms ? next_ms : limit_ms);
    weir__loop_run(loop, 0);
    return ready > 0 || (ready == 0 && next_ms >= 0 && next_ms < limit_ms);
}

static void close_watched(uv_handle_t *handle, void *data)
{
    uv_os_fd_t fd;

    (void)data;
    if (handle->type == UV_POLL && uv_fileno(handle, &fd) == 0)
        close(fd);
}

void weir__loop_forget(weir__loop *loop)
{
    uv_walk(&loop->uv, close_watched, NULL);
    close(loop->uv.async_io_watcher.fd);
    if (loop->uv.async_wfd >= 0)
        close(loop->uv.async_wfd);
    for (int end = 0; end < 2; end++)
        if (loop->uv.signal_pipefd[end] >= 0)
            close(loop->uv.signal_pipefd[end]);
    close(uv_backend_fd(&loop->uv));
}

void weir__loop_wake(weir__loop *loop)
{
    uv_async_send(&loop->wake);
}

int weir__loop_fd(const weir__loop *loop)
{
    return uv_backend_fd(&loop->uv);
}

int weir__loop_timeout_ms(const weir__loop *loop)
{
    return loop->is_due ? 0 : uv_backend_timeout(&loop->uv);
}

static void note_news(uv_loop_t *uv)
{
    ((weir__loop *)uv->data)->has_news = 1;
}

static void watch_fired(uv_poll_t *poll, int status, int events)
{
    weir__watch *watch = (weir__watch *)poll;
    weir__loop *loop = poll->loop->data;
    int bits = 0;

    if (loop->quiet) { /* what is ready stays ready; after an error libuv stops to watch */
        if (status < 0) {
            watch->next_late = loop->late_watches;
            loop->late_watches = watch;
        }
        return;
    }
    if (events & UV_READABLE)
        bits |= WEIR__READABLE;
    if (events & UV_WRITABLE)
        bits |= WEIR__WRITABLE;
    if (status < 0 || events & UV_DISCONNECT) /* reading or writing gives the error */
        bits = WEIR__READABLE | WEIR__WRITABLE;
    watch->callback(watch->data, bits);
}

int weir__watch_new(weir__loop *loop, int fd, int bits, weir__watch_callback callback, void *data,
                    weir__watch **watch, struct weir_error *error)
{
    weir__watch *made = calloc(1, sizeof *made);
    int flags = fcntl(fd, F_GETFL);
    int failed;

    if (made == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory to watch a descriptor");
    failed = has_memory_for(loop, fd);
    if (failed == 0)
        failed = uv_poll_init(&loop->uv, &made->uv, fd);
    if (flags >= 0 && !(flags & O_NONBLOCK))
        fcntl(fd, F_SETFL, flags); /* libuv has set it */
    if (failed != 0) {
        free(made);
        return weir__fail(error, failed == UV_ENOMEM ? WEIR_ERR_NOMEM : WEIR_ERR_SYSTEM, -failed,
                          "cannot watch descriptor %d", fd);
    }
    made->callback = callback;
    made->data = data;
    weir__watch_set(made, bits);
    *watch = made;
    return 0;
}

void weir__watch_set(weir__watch *watch, int bits)
{
    int events = (bits & WEIR__READABLE ? UV_READABLE : 0)
                 | (bits & WEIR__WRITABLE ? UV_WRITABLE : 0)
                 | (bits & WEIR__GONE ? UV_DISCONNECT : 0);

    /* libuv asks the kernel again even for what it has asked already, and stops to
     * watch after an error. */
    if (watch->bits == bits && (bits == 0 || uv_is_active((uv_handle_t *)&watch->uv)))
        return;
    watch->bits = bits;
    note_news(watch->uv.loop);
    if (events != 0)
        uv_poll_start(&watch->uv, events, watch_fired);
    else
        uv_poll_stop(&watch->uv);
}

void weir__watch_close(weir__watch **watch)
{
    if (*watch == NULL)
        return;
    note_news((*watch)->uv.loop);
    uv_close((uv_handle_t *)*watch, free_handle); /* stops it at once, too */
    *watch = NULL;
}

static void timer_fired(uv_timer_t *uv)
{
    weir__timer *timer = (weir__timer *)uv, **place;
    weir__loop *loop = uv->loop->data;

    if (loop->quiet) {
        timer->next_late = loop->late_timers;
        loop->late_timers = timer;
        return;
    }
    /* Before 1.45 libuv runs the timers that are due first, and sleeps then all the same. */
    uv_stop(uv->loop);
    timer->has_polled = !timer->is_deadline;
    for (place = &loop->due_timers; *place != NULL; place = &(*place)->next_due)
        ; /* in the order of their deadlines */
    *place = timer;
    timer->next_due = NULL;
}

static int is_due(const weir__timer *timer)
{
    const weir__loop *loop = timer->uv.loop->data;
    const weir__timer *due = loop->due_timers;

    while (due != NULL && due != timer)
        due = due->next_due;
    return due != NULL;
}

static void forget_due(weir__timer *timer)
{
    weir__loop *loop = timer->uv.loop->data;

    for (weir__timer **place = &loop->due_timers; *place != NULL; place = &(*place)->next_due)
        if (*place == timer) {
            *place = timer->next_due;
            return;
        }
}

int weir__timer_new(weir__loop *loop, weir__timer_callback callback, void *data,
                    weir__timer **timer, struct weir_error *error)
{
    weir__timer *made = calloc(1, sizeof *made);

    if (made == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a timer");
    uv_timer_init(&loop->uv, &made->uv);
    made->callback = callback;
    made->data = data;
    *timer = made;
    return 0;
}

void weir__timer_start(weir__timer *timer, int64_t ms)
{
    if (ms <= 0 && is_due(timer))
        return; /* put off by each event, it would never call back */
    forget_due(timer);
    timer->is_deadline = ms > 0;
    uv_update_time(timer->uv.loop);
    /* libuv counts from the last whole millisecond: one more, and it is never early. */
    uv_timer_start(&timer->uv, timer_fired, (uint64_t)(ms > 0 ? ms + 1 : 0), 0);
}

void weir__timer_stop(weir__timer *timer)
{
    forget_due(timer);
    uv_timer_stop(&timer->uv);
}

void weir__timer_close(weir__timer **timer)
{
    if (*timer == NULL)
        return;
    forget_due(*timer);
    note_news((*timer)->uv.loop);
    uv_close((uv_handle_t *)*timer, free_handle);
    *timer = NULL;
}

void weir__loop_settle(weir__loop *loop)
{
    /* libuv registers new watches when it polls.  What fires there
     * fires again in the next run. */
    loop->quiet = 1;
    if (loop->has_news)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    loop->has_news = 0;
    loop->quiet = 0;
    uv_update_time(&loop->uv); /* a poll counts from now, by the alarm or by our timeout */
    loop->is_due |= loop->late_watches != NULL;
    for (; loop->late_watches != NULL; loop->late_watches = loop->late_watches->next_late)
        weir__watch_set(loop->late_watches, loop->late_watches->bits);
    for (; loop->late_timers != NULL; loop->late_timers = loop->late_timers->next_late)
        uv_timer_start(&loop->late_timers->uv, timer_fired, 0, 0);
    set_alarm(loop);
}
