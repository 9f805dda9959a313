#include "config.h"

#include "pipeline/verdict.h"

#include <signal.h>
#include <string.h>

enum { SHELL_SIGNAL = 128, WEIR_FAILED = 125 };

/* The kinds of a stage's end, in ascending weight. */
enum weight {
    WELL,        /* success, or a forgiven failure */
    FOR_ANOTHER, /* stopped by weir because of another stage */
    BY_ITSELF,   /* the program failed */
    BY_WEIR,     /* stopped by weir: timeout or cancellation */
    NEVER_BEGAN, /* it could not start */
};

static int is_ok_code(const struct weir__verdict_stage *stage)
{
    if (stage->ok_exit == NULL)
        return stage->result->code == 0;
    for (size_t i = 0; i < stage->ok_exit_count; i++)
        if (stage->ok_exit[i] == stage->result->code)
            return 1;
    return 0;
}

static enum weight weigh(const struct weir__verdict_stage *stage)
{
    if (stage->result->end == WEIR_NOT_STARTED)
        return stage->result->why == WEIR_STOP_PEER_FAILED ? FOR_ANOTHER : NEVER_BEGAN;
    switch (stage->result->why) {
    case WEIR_STOP_PEER_FAILED:
        return FOR_ANOTHER;
    case WEIR_STOP_NONE:
        return stage->result->end == WEIR_EXITED && is_ok_code(stage) ? WELL : BY_ITSELF;
    default:
        return BY_WEIR;
    }
}

/* Returns the signal that ended a program, also if a shell around it reports 128 + n; 0 for
 * none. */
static int ended_by_signal(const struct weir_result *result)
{
    if (result->end == WEIR_SIGNALED)
        return result->signal;
    if (result->end == WEIR_EXITED && result->code > SHELL_SIGNAL)
        return result->code - SHELL_SIGNAL;
    return 0;
}

/* Signals that a closed pipe does not explain: a crash, a limit, or a kill by the kernel or a
 * user. */
static int is_crash(int signal)
{
    static const int crashes[] = {
        SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGTRAP, SIGKILL, SIGXCPU, SIGXFSZ,
    };

    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        if (crashes[i] == signal)
            return 1;
    return 0;
}

/* A process closes its pipes before its exit is seen. On a busy machine the exit of its writer
 * may be seen first. */
#define TIE_NS INT64_C(100000000)

/* Whether a stage failed because its reader, which ended well, closed the pipe. SIGPIPE proves
 * it in whichever order the two exits were seen. With any other status the order decides: a
 * reader that reaches the end of a failed writer's output also ends well, just after it. */
static int is_early_close(const struct weir__verdict_stage *stage,
                          const struct weir__verdict_stage *reader)
{
    int signal = ended_by_signal(stage->result);

    if (stage->result->end == WEIR_STATUS_LOST)
        return 0;
    if (signal == SIGPIPE)
        return reader->ended_ns <= stage->ended_ns + TIE_NS;
    return stage->early_close_ok && !is_crash(signal) && reader->ended_ns <= stage->ended_ns;
}

/* Weighs a stage; reader_well: its reader ended well or was forgiven. */
static enum weight weigh_smart(struct weir__verdict_stage *stage,
                               const struct weir__verdict_stage *reader, int reader_well)
{
    enum weight weight = weigh(stage);

    if (weight != BY_ITSELF || reader == NULL || !reader_well || !is_early_close(stage, reader))
        return weight;
    stage->forgiven = 1;
    return WELL;
}

static enum weight weigh_last(struct weir__verdict_stage *stage, int is_last)
{
    enum weight weight = weigh(stage);

    if (is_last || weight != BY_ITSELF)
        return weight;
    stage->forgiven = 1;
    return WELL;
}

/* The status of a failure is never 0, even if the program exited with 0 (ok_exit lacks 0, or
 * weir stopped it). */
static int status_of(const struct weir_result *result)
{
    int status = weir_result_status(result);

    if (status != 0)
        return status;
    if (result->why == WEIR_STOP_NONE)
        return 1;
    return result->stopped_with_count > 0 ? SHELL_SIGNAL + result->stopped_with[0] : WEIR_FAILED;
}

void weir__verdict(struct weir__verdict_stage *stages, size_t count, enum weir_pipefail pipefail,
                   struct weir__verdict *verdict)
{
    enum weight heaviest = WELL;
    int reader_well = 0;

    *verdict = (struct weir__verdict){.ok = 1, .decided_by = -1, .why = WEIR_STOP_NONE};
    for (size_t i = count; i-- > 0;) {
        struct weir__verdict_stage *reader = i + 1 < count ? &stages[i + 1] : NULL;
        enum weight weight;

        stages[i].forgiven = 0;
        if (pipefail == WEIR_PIPEFAIL_SMART)
            weight = weigh_smart(&stages[i], reader, reader_well);
        else if (pipefail == WEIR_PIPEFAIL_LAST)
            weight = weigh_last(&stages[i], reader == NULL);
        else
            weight = weigh(&stages[i]);
        reader_well = weight == WELL;
        if (weight > heaviest) {
            heaviest = weight;
            verdict->decided_by = (int)i;
        }
    }
    if (heaviest == WELL)
        return;
    verdict->ok = 0;
    verdict->why = stages[verdict->decided_by].result->why;
    verdict->status = status_of(stages[verdict->decided_by].result);
    weir_result_sentence(stages[verdict->decided_by].result, verdict->reason,
                         sizeof verdict->reason);
}
