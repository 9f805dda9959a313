#include "config.h"

#include "cli/watch.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/process_tree.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "proc/context.h"

static void on_event(const struct weir_event *event, void *context)
{
    struct watch *watch = context;

    if (event->kind == WEIR_EVENT_STARTED && event->stage == 0)
        watch->terminal.job = event->pid; /* the first stage is the group leader */
    if (event->kind == WEIR_EVENT_PAUSED) {
        watch->paused = (int)event->number;
        watch->paused_pid = event->pid;
    }
    audit_add_event(&watch->audit, event);
    if (watch->on_event != NULL)
        watch->on_event(watch->context, event);
    else if (event->kind == WEIR_EVENT_NOTICE && watch->command != NULL)
        cli_say(watch->command, "%s: %.*s", event->name, (int)event->length, event->text);
}

int watch_open(struct watch *watch, struct weir_error *error)
{
    struct weir_options options;
    int failed = signals_catch();

    if (failed != 0)
        return weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot catch signals");
    terminal_open(&watch->terminal);
    weir_options_init(&options);
    options.spawner_stays_child = 1; /* weir waits for no other children */
    options.on_event = on_event;
    options.event_context = watch;
    watch->weir = weir_open(&options, error);
    if (watch->weir != NULL)
        watch->weir->client.trace = watch->audit.trace;
    return watch->weir != NULL ? 0 : error->status;
}

int watch_terminal_fd(struct watch *watch)
{
    return terminal_offer(&watch->terminal);
}

/* Whether it is still stopped: it may have been continued meanwhile. */
static int is_stopped(pid_t pid)
{
    struct weir__process_stat stat;

    return weir__process_stat(pid, &stat) < 0 || stat.state == 'T';
}

/* Signals the job directly, not with weir_run_signal(), which asks the spawner: a stop event may
 * arrive before the spawner has continued the job, and must be distinguished from the next stop.
 * Until the job is over the spawner keeps its leader, at least as a zombie, so the group's number
 * is not reused. */
static void signal_job(const struct watch *watch, int number)
{
    if (watch->terminal.job > 0)
        kill(-watch->terminal.job, number);
}

/* Continues the job, in the foreground if we have it. */
static void resume(struct watch *watch)
{
    /* Events that arrived while we were stopped are outdated. */
    weir_dispatch(watch->weir, NULL);
    watch->paused = 0;
    if (watch->over)
        return;
    terminal_lend(&watch->terminal);
    signal_job(watch, SIGCONT);
}

/* Before weir stops. */
static void pause_output(struct watch *watch)
{
    pass_through_leave(&watch->through);
    if (watch->on_pause != NULL)
        watch->on_pause(watch->context);
}

/* The job has stopped: weir stops too, so that its shell sees it. */
static void pause_with_job(struct watch *watch)
{
    int number = watch->paused;
    int wants_terminal = number == SIGTTIN || number == SIGTTOU;

    watch->paused = 0;
    if (!is_stopped(watch->paused_pid))
        return;
    pause_output(watch);
    terminal_pause(&watch->terminal);
    if (wants_terminal && terminal_is_ours(&watch->terminal)) {
        resume(watch); /* we have since been brought to the foreground */
        return;
    }
    if (!signals_stop(number == SIGSTOP ? SIGTSTP : number) && wants_terminal
        && !terminal_is_ours(&watch->terminal))
        signal_job(watch, SIGHUP); /* it can never get the terminal */
    resume(watch);
}

/* A process of weir's own group was stopped for using the terminal, or the group was asked to
 * stop. */
static void stop_together(struct watch *watch, int number)
{
    if (number != SIGTSTP && watch->terminal.job > 0 && !terminal_is_ours(&watch->terminal)) {
        terminal_take_back(&watch->terminal);
        if (terminal_is_ours(&watch->terminal)) {
            kill(0, SIGCONT);
            return;
        }
    }
    signal_job(watch, SIGTSTP);
    pause_output(watch);
    signals_stop(number);
    resume(watch);
}

static int is_stop(int number)
{
    return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

/* Signals that programs give a meaning of their own. weir does not send them to a map's workers. */
static const int passed[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGWINCH};

/* Returns the signal's bit in watch.to_pass, or 0. SIGHUP from the kernel means that the terminal
 * is gone. */
static int is_for_job(const struct watch *watch, const struct caught *caught)
{
    if (watch->has_no_group || (caught->number == SIGHUP && caught->by_kernel)
        || (caught->number == SIGHUP && terminal_is_gone(&watch->terminal)))
        return 0;
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
        if (passed[i] == caught->number)
            return 1 << i;
    return 0;
}

static void pass_signals(struct watch *watch)
{
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
        if (watch->to_pass & 1 << i
            && (passed[i] != SIGWINCH || !pass_through_resize(&watch->through)))
            signal_job(watch, passed[i]);
    watch->to_pass = 0;
}

static void handle_signals(struct watch *watch)
{
    struct caught caught;

    while (!watch->over && signals_take(&caught)) {
        if (is_stop(caught.number)) {
            watch->stop_asked = caught.number;
            continue;
        }
        if (is_for_job(watch, &caught) != 0) {
            watch->to_pass |= is_for_job(watch, &caught);
            continue;
        }
        if (caught.number == SIGWINCH)
            continue;
        if (watch->ended_by == 0) {
            watch->ended_by = caught.number;
            output_hurry(caught.number);
            watch->by_terminal = caught.by_kernel;
        }
        watch->cancel(watch->job);
    }
    if (!watch->over && watch->terminal.job > 0)
        pass_signals(watch);
    /* Not before the job's group is known. */
    if (!watch->over && watch->stop_asked != 0
        && (watch->terminal.job > 0 || watch->has_no_group)) {
        int number = watch->stop_asked;

        watch->stop_asked = 0;
        stop_together(watch, number);
    }
}

static int sooner(int a_ms, int b_ms)
{
    return a_ms < 0 ? b_ms : b_ms < 0 || a_ms < b_ms ? a_ms : b_ms;
}

void watch_job(struct watch *watch)
{
    struct pollfd fds[] = {
        {.fd = weir_fd(watch->weir), .events = POLLIN},
        {.fd = signals_fd(), .events = POLLIN},
    };

    while (!watch->over) {
        int tick_ms = watch->on_tick != NULL ? watch->on_tick(watch->context) : -1;

        tick_ms = sooner(tick_ms, pass_through_follow(&watch->through));
        poll(fds, 2, sooner(weir_timeout_ms(watch->weir), tick_ms));
        weir_dispatch(watch->weir, NULL);
        handle_signals(watch);
        if (!watch->over && watch->paused != 0)
            pause_with_job(watch);
    }
}

/* Continues processes of weir's own group that were stopped for using the terminal while the job
 * had it: only weir can. */
static void wake_neighbours(const struct watch *watch)
{
    struct caught caught;
    int any = watch->stop_asked != 0;

    while (signals_take(&caught))
        any |= is_stop(caught.number);
    if (any)
        kill(0, SIGCONT);
}

void watch_close(struct watch *watch, int killed)
{
    pass_through_leave(&watch->through);
    terminal_close(&watch->terminal, killed);
    if (terminal_is_ours(&watch->terminal))
        wake_neighbours(watch);
    weir_close(watch->weir);
    watch->weir = NULL;
}

int watch_status(const struct watch *watch, int status, int cancelled)
{
    return cancelled && watch->ended_by != 0 ? CLI_SIGNALED + watch->ended_by : status;
}

int watch_end(const struct watch *watch, int status, int cancelled, int interrupted)
{
    /* A shell ends its loop if the program died of SIGINT, not if it exited with 130. */
    int by_terminal = watch->ended_by != 0 ? watch->ended_by == SIGINT && watch->by_terminal
                                           : interrupted && watch->terminal.fd >= 0;

    if (by_terminal && (cancelled || interrupted)) {
        fflush(stdout);
        signals_die(SIGINT);
    }
    return watch_status(watch, status, cancelled);
}
