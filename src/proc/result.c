#include "config.h"

#include <weir/result.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/event.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/signal_names.h"
#include "base/printable.h"
#include "base/process_tree.h"
#include "proc/command.h"
#include "proc/result.h"

enum { TIMED_OUT = 124, FAILED = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127, SIGNALED = 128 };

static const char *name_of(const char *const *names, size_t count, unsigned number)
{
    return number < count && names[number] != NULL ? names[number] : "unknown";
}

#define NAME_OF(names, number) name_of(names, sizeof names / sizeof names[0], (unsigned)(number))

const char *weir_exit_kind_name(enum weir_exit_kind end)
{
    static const char *const names[] = {
        [WEIR_EXITED] = "exited",
        [WEIR_SIGNALED] = "signaled",
        [WEIR_NOT_STARTED] = "not_started",
        [WEIR_STATUS_LOST] = "status_lost",
    };

    return NAME_OF(names, end);
}

const char *weir_stop_reason_name(enum weir_stop_reason why)
{
    static const char *const names[] = {
        [WEIR_STOP_NONE] = "none",           [WEIR_STOP_TIMEOUT] = "timeout",
        [WEIR_STOP_IDLE] = "idle",           [WEIR_STOP_CANCELLED] = "cancelled",
        [WEIR_STOP_OVERFLOW] = "overflow",   [WEIR_STOP_PEER_FAILED] = "peer_failed",
        [WEIR_STOP_HOST_GONE] = "host_gone",
    };

    return NAME_OF(names, why);
}

static const char *const steps[] = {
    [WEIR_STEP_CHDIR] = "chdir",
    [WEIR_STEP_LIMIT] = "limit",
    [WEIR_STEP_SETUP] = "setup",
    [WEIR_STEP_EXEC] = "exec",
};
enum { STEP_COUNT = sizeof steps / sizeof steps[0] };

const char *weir_step_name(enum weir_step step)
{
    return (unsigned)step < STEP_COUNT ? steps[step] : NULL;
}

enum weir_step weir__step_find(const char *name)
{
    for (int i = 1; i < STEP_COUNT; i++)
        if (strcmp(steps[i], name) == 0)
            return (enum weir_step)i;
    return WEIR_STEP_SETUP;
}

const char *weir_event_name(enum weir_event_kind kind)
{
    static const char *const names[] = {
        [WEIR_EVENT_STARTED] = "started",
        [WEIR_EVENT_NOT_STARTED] = "not_started",
        [WEIR_EVENT_EXITED] = "exited",
        [WEIR_EVENT_SIGNALED] = "signaled",
        [WEIR_EVENT_STATUS_LOST] = "status_lost",
        [WEIR_EVENT_PAUSED] = "paused",
        [WEIR_EVENT_STDERR_LINE] = "stderr_line",
        [WEIR_EVENT_TIMEOUT] = "timeout",
        [WEIR_EVENT_SIGNAL_SENT] = "signal_sent",
        [WEIR_EVENT_PROGRESS] = "progress",
        [WEIR_EVENT_RECORD_FAILED] = "record_failed",
        [WEIR_EVENT_WORKER_READY] = "worker_ready",
        [WEIR_EVENT_WORKER_RESTART] = "worker_restart",
        [WEIR_EVENT_LOG] = "log",
        [WEIR_EVENT_NOISE] = "noise",
        [WEIR_EVENT_SPAWNER_LOST] = "spawner_lost",
        [WEIR_EVENT_NOTICE] = "notice",
        [WEIR_EVENT_WORKER_CHANGED] = "worker_changed",
        [WEIR_EVENT_CALL_PROGRESS] = "call_progress",
        [WEIR_EVENT_BREAKER] = "breaker",
        [WEIR_EVENT_FALLBACK] = "fallback",
    };

    return NAME_OF(names, kind);
}

const char *weir_signal_name(int number)
{
    return weir__signal_name(number);
}

static void output_clear(struct weir_output *output)
{
    free(output->bytes);
    free(output->text);
    free(output->spooled);
    *output = (struct weir_output){0};
}

void weir_result_clear(struct weir_result *result)
{
    if (result == NULL)
        return;
    weir__argv_free(result->argv);
    free(result->cwd);
    output_clear(&result->out);
    output_clear(&result->err);
    *result = (struct weir_result){0};
}

int weir__result_begin(struct weir_result *result, const struct weir_command *command,
                       struct weir_error *error)
{
    int64_t now_ns = weir__clock_ns();

    *result = (struct weir_result){
        .started_at_ns = weir__clock_wall_ns(),
        .started_ns = now_ns,
        .wall_ns = -now_ns,      /* made whole when it ends */
        .end = WEIR_STATUS_LOST, /* until something better is known */
        .out.invalid_at = -1,
        .err.invalid_at = -1,
    };
    result->argv = weir__argv_copy(command->argv);
    result->cwd = weir__command_cwd(command);
    if (result->argv == NULL || result->cwd == NULL) {
        weir_result_clear(result);
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a result");
    }
    return 0;
}

/* What stopped it was sent before it ended, though we may have heard of it later. */
static void stop_clock(struct weir_result *result, int64_t now_ns)
{
    if (result->wall_ns >= 0)
        return;
    result->wall_ns += now_ns;
    for (size_t i = 0; i < result->stopped_with_count; i++)
        if (result->stopped_at_ns[i] > result->wall_ns)
            result->stopped_at_ns[i] = result->wall_ns;
}

/* From the spawner's words: the resource, what was asked, and the hard limit there is. */
static void describe_limit(struct weir_result *result, const char *words)
{
    unsigned long long asked, hard;
    int resource;

    if (sscanf(words, "%d %llu %llu", &resource, &asked, &hard) == 3)
        snprintf(result->interpreter, sizeof result->interpreter,
                 "%s=%llu (the hard limit is %llu)", weir__limit_of_resource(resource), asked,
                 hard);
}

void weir__result_not_started(struct weir_result *result, enum weir_step step, int sys_errno,
                              const char *interpreter)
{
    stop_clock(result, weir__clock_ns());
    result->end = WEIR_NOT_STARTED;
    result->step = step;
    result->sys_errno = sys_errno;
    result->pid = 0;
    if (step == WEIR_STEP_LIMIT)
        describe_limit(result, interpreter);
    else
        snprintf(result->interpreter, sizeof result->interpreter, "%s", interpreter);
}

/* Which limits ended it: the kernel has signals for two of them. */
static unsigned hits(const struct weir_result *result, const uint64_t limits[WEIR_LIMIT_COUNT])
{
    int64_t cpu_us = result->user_us + result->system_us;
    unsigned bits = 0;

    if (limits[WEIR_LIMIT_CPU] != WEIR_NO_LIMIT
        && (result->signal == SIGXCPU
            || (result->signal == SIGKILL && result->stopped_with_count == 0
                && cpu_us / 1000000 >= (int64_t)limits[WEIR_LIMIT_CPU])))
        bits |= 1u << WEIR_LIMIT_CPU;
    if (limits[WEIR_LIMIT_FILE_SIZE] != WEIR_NO_LIMIT && result->signal == SIGXFSZ)
        bits |= 1u << WEIR_LIMIT_FILE_SIZE;
    return bits;
}

void weir__result_exited(struct weir_result *result, const struct weir__exit *how,
                         const uint64_t limits[WEIR_LIMIT_COUNT])
{
    stop_clock(result, how->at_ns);
    result->end = how->signal != 0 ? WEIR_SIGNALED : WEIR_EXITED;
    result->code = how->code;
    result->signal = how->signal;
    result->user_us = how->user_us;
    result->system_us = how->system_us;
    result->max_rss_kb = how->max_rss_kb;
    result->limits_hit = hits(result, limits);
}

void weir__result_lost(struct weir_result *result)
{
    stop_clock(result, weir__clock_ns());
    result->end = WEIR_STATUS_LOST;
}

static void add_signal(int *list, size_t *count, int signal)
{
    for (size_t i = 0; i < *count; i++)
        if (list[i] == signal)
            return;
    if (*count < WEIR_SIGNALS_SENT)
        list[(*count)++] = signal;
}

void weir__result_sent(struct weir_result *result, int signal)
{
    size_t before = result->stopped_with_count;

    add_signal(result->stopped_with, &result->stopped_with_count, signal);
    if (result->stopped_with_count > before)
        result->stopped_at_ns[before] = weir__clock_ns() - result->started_ns;
}

void weir__result_unsent(struct weir_result *result, int signal)
{
    add_signal(result->refused, &result->refused_count, signal);
}

void weir__result_survivors(struct weir_result *result, const struct weir__job *job)
{
    memcpy(result->survivors, job->survivors, sizeof result->survivors);
    result->survivor_count = job->survivor_count;
}

void weir__result_holder(struct weir_result *result, int fd)
{
    struct stat file;
    pid_t holder;

    if (result->holder_pid != 0 || fstat(fd, &file) < 0 || S_ISCHR(file.st_mode))
        return;
    holder = weir__pipe_holder(file.st_ino, getpid());
    if (holder == 0)
        return;
    result->holder_pid = holder;
    weir__process_command(holder, result->holder_command, sizeof result->holder_command);
}

static int status_of_not_started(const struct weir_result *result)
{
    if (result->step != WEIR_STEP_EXEC)
        return FAILED;
    return result->sys_errno == ENOENT || result->sys_errno == ENOTDIR ? NOT_FOUND : CANNOT_EXECUTE;
}

int weir_result_status(const struct weir_result *result)
{
    if (result->end == WEIR_NOT_STARTED)
        return status_of_not_started(result);
    if (result->why == WEIR_STOP_TIMEOUT || result->why == WEIR_STOP_IDLE)
        return TIMED_OUT;
    if (result->why == WEIR_STOP_OVERFLOW)
        return FAILED;
    switch (result->end) {
    case WEIR_EXITED:
        return result->code;
    case WEIR_SIGNALED:
        return SIGNALED + result->signal;
    default:
        return FAILED;
    }
}

static void describe_not_started(const struct weir_result *result, char *sentence, size_t size)
{
    const char *program = result->argv != NULL ? result->argv[0] : "the program";
    const char *why = strerror(result->sys_errno);

    switch (result->step) {
    case WEIR_STEP_CHDIR:
        snprintf(sentence, size, "cannot start in %s: %s",
                 result->cwd != NULL ? result->cwd : "the directory", why);
        return;
    case WEIR_STEP_LIMIT:
        snprintf(sentence, size, "cannot set the limit %s%sfor %s: %s", result->interpreter,
                 result->interpreter[0] != '\0' ? " " : "", program, why);
        return;
    case WEIR_STEP_EXEC:
        break;
    default:
        snprintf(sentence, size, "cannot prepare the start of %s: %s", program,
                 /* What a warm parent did, or which descriptor there is no place for. */
                 result->interpreter[0] != '\0' ? result->interpreter : why);
        return;
    }
    if (result->sys_errno == ENOENT && result->interpreter[0] != '\0')
        snprintf(sentence, size,
                 "cannot execute %s: its interpreter %s does not exist: install it, or mend the "
                 "first line",
                 program, result->interpreter);
    else if (result->sys_errno == ENOENT && strchr(program, '/') == NULL)
        snprintf(sentence, size, "cannot execute %s: no such program on PATH", program);
    else if (result->sys_errno == ENOEXEC)
        snprintf(sentence, size,
                 "cannot execute %s: neither a program nor a script with a \"#!\" line", program);
    else
        snprintf(sentence, size, "cannot execute %s: %s", program, why);
}

/* Adds the survivors, and why they survive. */
static void describe_survivors(const struct weir_result *result, char *sentence, size_t size)
{
    for (size_t i = 0; i < result->survivor_count; i++) {
        const struct weir_survivor *one = &result->survivors[i];
        char refused[80] = "";

        for (size_t n = 0; n < result->refused_count; n++)
            snprintf(refused + strlen(refused), sizeof refused - strlen(refused), "%s%s",
                     n > 0 ? " and " : "", weir__signal_name(result->refused[n]));
        snprintf(sentence + strlen(sentence), size - strlen(sentence),
                 one->sys_errno == EPERM
                     ? ": process %ld lives on, as another user: %s not permitted"
                     : ": process %ld lives on, stuck in the kernel",
                 (long)one->pid, refused);
    }
}

/* Adds the limits that were reached. */
static void describe_limits(const struct weir_result *result, char *sentence, size_t size)
{
    for (int i = 0; i < WEIR_LIMIT_COUNT; i++)
        if (result->limits_hit & 1u << i)
            snprintf(sentence + strlen(sentence), size - strlen(sentence),
                     ": it reached its %s limit", weir_limit_name((enum weir_limit)i));
}

static void describe_end(const struct weir_result *result, char *sentence, size_t size)
{
    static const char *const causes[] = {
        [WEIR_STOP_NONE] = "",
        [WEIR_STOP_TIMEOUT] = "timed out, then ",
        [WEIR_STOP_IDLE] = "printed nothing for too long, then ",
        [WEIR_STOP_CANCELLED] = "stopped as asked, then ",
        [WEIR_STOP_OVERFLOW] = "printed more than allowed, then ",
        [WEIR_STOP_PEER_FAILED] = "stopped because another stage failed, then ",
        [WEIR_STOP_HOST_GONE] = "",
    };
    const char *cause = NAME_OF(causes, result->why);

    switch (result->end) {
    case WEIR_EXITED:
        snprintf(sentence, size, "%sexited with %d", cause, result->code);
        break;
    case WEIR_SIGNALED:
        snprintf(sentence, size, "%skilled by %s (%s)", cause, weir__signal_name(result->signal),
                 strsignal(result->signal));
        describe_limits(result, sentence, size);
        break;
    case WEIR_NOT_STARTED:
        describe_not_started(result, sentence, size);
        break;
    default:
        if (result->survivor_count > 0)
            snprintf(sentence, size, "%sit could not be ended", cause);
        else
            snprintf(sentence, size, "%show it ended is not known: weir-spawner died", cause);
    }
    describe_survivors(result, sentence, size);
}

void weir_result_sentence(const struct weir_result *result, char *sentence, size_t size)
{
    char whole[4096];

    describe_end(result, whole, sizeof whole);
    if (size > 0)
        weir__sentence(sentence, size, "%s", whole);
}
