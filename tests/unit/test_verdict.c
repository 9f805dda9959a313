/* The verdict over a pipeline, as a table: the outcome of the stages, who decides. */
#include "config.h"

#include "pipeline/verdict.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "support/harness.h"

enum { STAGES = 4, OK_CODES = 3 };

/* A stage that has ended; all zero ended well at 0. */
struct stage {
    int code, signal, error; /* exit code; or died of a signal; or did not start, with errno */
    enum weir_stop_reason why;
    int64_t at;
    int early_close_ok;
    int ok_exit[OK_CODES]; /* codes plus 1000; none: just 0 */
    int lost;
    int ended; /* says that this stage is there */
};

struct verdict_case {
    const char *name;
    enum weir_pipefail pipefail;
    struct stage stages[STAGES];
    int decided_by, status;
    unsigned forgiven; /* bit 1 << stage */
};

#define SMART  WEIR_PIPEFAIL_SMART
#define STRICT WEIR_PIPEFAIL_STRICT
#define LAST   WEIR_PIPEFAIL_LAST

#define EXIT(...)                                                                                  \
    {                                                                                              \
        .ended = 1, .code = __VA_ARGS__                                                            \
    }
#define DIED(...)                                                                                  \
    {                                                                                              \
        .ended = 1, .signal = __VA_ARGS__                                                          \
    }
#define NEVER(...)                                                                                 \
    {                                                                                              \
        .ended = 1, .error = __VA_ARGS__                                                           \
    }
#define GONE(...)                                                                                  \
    {                                                                                              \
        .ended = 1, .lost = 1, __VA_ARGS__                                                         \
    }

#define AT(seconds) .at = INT64_C(1000000000) * (seconds)
#define AT_MS(ms)   .at = INT64_C(1000000) * (ms)
#define WHY(reason) .why = WEIR_STOP_##reason
#define EARLY       .early_close_ok = 1
#define OK(...)     .ok_exit = {__VA_ARGS__}

static const struct verdict_case cases[] = {
    /* All well. */
    {"all exit with 0", SMART, {EXIT(0), EXIT(0), EXIT(0)}, -1, 0, 0},
    {"one stage alone, well", SMART, {EXIT(0)}, -1, 0, 0},
    {"one stage alone, failed", SMART, {EXIT(3)}, 0, 3, 0},
    {"one stage alone, SIGPIPE: there is no reader to blame", SMART, {DIED(SIGPIPE)}, 0, 141, 0},
    {"a code that is ok", SMART, {EXIT(1, OK(1000, 1001)), EXIT(0)}, -1, 0, 0},
    {"a code that is not ok, though it is 0", SMART, {EXIT(0, OK(1001)), EXIT(0)}, 0, 1, 0},

    /* Which failure decides. */
    {"the first stage failed after writing everything", SMART, {EXIT(3), EXIT(0)}, 0, 3, 0},
    {"the rightmost failure decides", SMART, {EXIT(3), EXIT(4), EXIT(0)}, 1, 4, 0},
    {"the rightmost failure decides, whoever ended first",
     SMART,
     {EXIT(3, AT(1)), EXIT(4, AT(9))},
     1,
     4,
     0},
    {"the last stage failed", SMART, {EXIT(0), EXIT(5)}, 1, 5, 0},
    {"a signal is 128 and more", SMART, {EXIT(0), DIED(SIGTERM)}, 1, 143, 0},
    {"a status that was lost", SMART, {GONE(AT(1)), EXIT(0)}, 0, 125, 0},

    /* smart: the reader left early. */
    {"yes | head: SIGPIPE after the reader",
     SMART,
     {DIED(SIGPIPE, AT(2)), EXIT(0, AT(1))},
     -1,
     0,
     1},
    {"a shell tells it as 141", SMART, {EXIT(141, AT(2)), EXIT(0, AT(1))}, -1, 0, 1},
    {"a tie counts as finished", SMART, {DIED(SIGPIPE, AT(1)), EXIT(0, AT(1))}, -1, 0, 1},
    {"SIGPIPE before the reader ended", SMART, {DIED(SIGPIPE, AT(1)), EXIT(0, AT(2))}, 0, 141, 0},
    {"SIGPIPE seen a moment before its reader's end",
     SMART,
     {DIED(SIGPIPE, AT_MS(900)), EXIT(0, AT(1))},
     -1,
     0,
     1},
    {"141 seen a moment before its reader's end",
     SMART,
     {EXIT(141, AT_MS(900)), EXIT(0, AT(1))},
     -1,
     0,
     1},
    {"SIGPIPE more than a moment before",
     SMART,
     {DIED(SIGPIPE, AT_MS(899)), EXIT(0, AT(1))},
     0,
     141,
     0},
    {"the reader failed itself", SMART, {DIED(SIGPIPE, AT(2)), EXIT(7, AT(1))}, 1, 7, 0},
    {"the reader left with a code that is ok",
     SMART,
     {DIED(SIGPIPE, AT(2)), EXIT(7, AT(1), OK(1007))},
     -1,
     0,
     1},
    {"the reader left with 0, which is not ok",
     SMART,
     {DIED(SIGPIPE, AT(2)), EXIT(0, AT(1), OK(1007))},
     1,
     1,
     0},
    {"yes | cat | cat | head: one forgives the other",
     SMART,
     {DIED(SIGPIPE, AT(4)), DIED(SIGPIPE, AT(3)), DIED(SIGPIPE, AT(2)), EXIT(0, AT(1))},
     -1,
     0,
     7},
    {"all in one batch", SMART, {DIED(SIGPIPE), DIED(SIGPIPE), DIED(SIGPIPE), EXIT(0)}, -1, 0, 7},
    {"the chain breaks at a failure",
     SMART,
     {DIED(SIGPIPE, AT(4)), EXIT(2, AT(3)), DIED(SIGPIPE, AT(2)), EXIT(0, AT(1))},
     1,
     2,
     4},
    {"only the next stage is the reader",
     SMART,
     {DIED(SIGPIPE, AT(2)), EXIT(0, AT(3)), EXIT(0, AT(1))},
     0,
     141,
     0},
    {"forgiven, but another decides",
     SMART,
     {EXIT(9, AT(1)), DIED(SIGPIPE, AT(3)), EXIT(0, AT(2))},
     0,
     9,
     2},
    {"the last stage's SIGPIPE is its own", SMART, {EXIT(0), DIED(SIGPIPE)}, 1, 141, 0},
    {"exit 1 is not forgiven unasked", SMART, {EXIT(1, AT(2)), EXIT(0, AT(1))}, 0, 1, 0},
    {"SIGTERM is not forgiven unasked", SMART, {DIED(SIGTERM, AT(2)), EXIT(0, AT(1))}, 0, 143, 0},

    /* early_close: ok. */
    {"early_close ok forgives exit 1", SMART, {EXIT(1, AT(2), EARLY), EXIT(0, AT(1))}, -1, 0, 1},
    {"early_close ok forgives SIGTERM",
     SMART,
     {DIED(SIGTERM, AT(2), EARLY), EXIT(0, AT(1))},
     -1,
     0,
     1},
    {"but not before the reader ended", SMART, {EXIT(1, AT(1), EARLY), EXIT(0, AT(2))}, 0, 1, 0},
    {"nor a moment before: the reader just came to the end",
     SMART,
     {EXIT(1, AT_MS(999), EARLY), EXIT(0, AT(1))},
     0,
     1,
     0},
    {"a tie counts as finished there too",
     SMART,
     {EXIT(1, AT(1), EARLY), EXIT(0, AT(1))},
     -1,
     0,
     1},
    {"nor when the reader failed", SMART, {EXIT(1, AT(2), EARLY), EXIT(2, AT(1))}, 1, 2, 0},
    {"nor in the last stage", SMART, {EXIT(0), EXIT(1, EARLY)}, 1, 1, 0},
    {"nor the stage before that did not ask",
     SMART,
     {EXIT(1, AT(3)), EXIT(1, AT(2), EARLY), EXIT(0, AT(1))},
     0,
     1,
     2},
    {"a forgiven stage forgives its writer",
     SMART,
     {DIED(SIGPIPE, AT(3)), EXIT(1, AT(2), EARLY), EXIT(0, AT(1))},
     -1,
     0,
     3},
    {"nor a status that was lost", SMART, {GONE(AT(2), EARLY), EXIT(0, AT(1))}, 0, 125, 0},

    /* strict and last. */
    {"strict forgives nothing", STRICT, {DIED(SIGPIPE, AT(2), EARLY), EXIT(0, AT(1))}, 0, 141, 0},
    {"strict takes the rightmost", STRICT, {EXIT(3), DIED(SIGPIPE), EXIT(0)}, 1, 141, 0},
    {"strict knows codes that are ok", STRICT, {EXIT(3, OK(1003)), EXIT(0)}, -1, 0, 0},
    {"last lets the others pass", LAST, {EXIT(3), DIED(SIGSEGV), EXIT(0)}, -1, 0, 3},
    {"last takes the last", LAST, {EXIT(3), EXIT(0), EXIT(4)}, 2, 4, 1},

    /* Weir's hand. */
    {"a timeout is 124, whatever ended it",
     SMART,
     {DIED(SIGKILL, WHY(TIMEOUT)), DIED(SIGTERM, WHY(PEER_FAILED))},
     0,
     124,
     0},
    {"a timeout that the program obeyed with 0",
     SMART,
     {EXIT(0, WHY(TIMEOUT)), EXIT(0)},
     0,
     124,
     0},
    {"idle is 124 too", SMART, {EXIT(0), DIED(SIGTERM, WHY(IDLE))}, 1, 124, 0},
    {"a timeout by SIGPIPE is not forgiven",
     SMART,
     {DIED(SIGPIPE, AT(2), WHY(TIMEOUT)), EXIT(0, AT(1))},
     0,
     124,
     0},
    {"a timeout gives 124 though a later stage failed for it",
     SMART,
     {DIED(SIGTERM, WHY(TIMEOUT)), EXIT(1)},
     0,
     124,
     0},
    {"a timeout gives 124 in last too", LAST, {DIED(SIGTERM, WHY(TIMEOUT)), EXIT(0)}, 0, 124, 0},
    {"the deadline of all: the rightmost",
     SMART,
     {DIED(SIGTERM, WHY(TIMEOUT)), EXIT(0), DIED(SIGTERM, WHY(TIMEOUT))},
     2,
     124,
     0},
    {"cancelled", SMART, {DIED(SIGTERM, WHY(CANCELLED)), DIED(SIGKILL, WHY(CANCELLED))}, 1, 137, 0},
    {"cancelled, and left with 0 without a signal", SMART, {EXIT(0, WHY(CANCELLED))}, 0, 125, 0},

    /* A stage that could not start. */
    {"a missing program is 127",
     SMART,
     {DIED(SIGTERM, WHY(PEER_FAILED)), NEVER(ENOENT), DIED(SIGTERM, WHY(PEER_FAILED))},
     1,
     127,
     0},
    {"a program that cannot be executed is 126", SMART, {NEVER(EACCES), EXIT(0)}, 0, 126, 0},
    {"it decides over what others made of it", SMART, {NEVER(ENOENT), EXIT(3), EXIT(4)}, 0, 127, 0},
    {"it decides in strict", STRICT, {NEVER(ENOENT), DIED(SIGTERM, WHY(PEER_FAILED))}, 0, 127, 0},
    {"it decides in last", LAST, {NEVER(ENOENT), EXIT(0)}, 0, 127, 0},
    {"two of them: the rightmost", SMART, {NEVER(ENOENT), NEVER(EACCES), EXIT(0)}, 1, 126, 0},
    {"who was not even tried is not the cause",
     SMART,
     {NEVER(ENOENT), NEVER(ECANCELED, WHY(PEER_FAILED))},
     0,
     127,
     0},
    {"a peer that obeyed with 0 is no reader who finished",
     SMART,
     {DIED(SIGPIPE, AT(2)), EXIT(0, AT(1), WHY(PEER_FAILED)), NEVER(ENOENT)},
     2,
     127,
     0},
    {"a peer never decides over the stage that failed",
     SMART,
     {EXIT(3), DIED(SIGTERM, WHY(PEER_FAILED))},
     0,
     3,
     0},
    {"with no cause in sight the peer decides",
     SMART,
     {EXIT(0), DIED(SIGTERM, WHY(PEER_FAILED))},
     1,
     143,
     0},
};

static char *no_program[] = {(char *)"nosuch", NULL};

static void make(const struct stage *stage, struct weir_result *result, unsigned char *codes,
                 struct weir__verdict_stage *made)
{
    size_t count = 0;

    while (count < OK_CODES && stage->ok_exit[count] != 0) {
        codes[count] = (unsigned char)(stage->ok_exit[count] - 1000);
        count++;
    }
    *result = (struct weir_result){
        .argv = no_program,
        .end = stage->error != 0    ? WEIR_NOT_STARTED
               : stage->lost        ? WEIR_STATUS_LOST
               : stage->signal != 0 ? WEIR_SIGNALED
                                    : WEIR_EXITED,
        .why = stage->why,
        .code = stage->code,
        .signal = stage->signal,
        .step = stage->error != 0 ? WEIR_STEP_EXEC : WEIR_STEP_NONE,
        .sys_errno = stage->error,
    };
    *made = (struct weir__verdict_stage){
        .result = result,
        .ended_ns = stage->at,
        .ok_exit = count > 0 ? codes : NULL,
        .ok_exit_count = count,
        .early_close_ok = stage->early_close_ok,
        .forgiven = 77,
    };
}

static void judge(const struct stage *given, enum weir_pipefail pipefail, unsigned *forgiven,
                  struct weir__verdict *verdict)
{
    struct weir_result results[STAGES];
    struct weir__verdict_stage stages[STAGES];
    unsigned char codes[STAGES][OK_CODES];
    size_t count = 0;

    for (; count < STAGES && given[count].ended; count++)
        make(&given[count], &results[count], codes[count], &stages[count]);
    weir__verdict(stages, count, pipefail, verdict);
    *forgiven = 0;
    for (size_t i = 0; i < count; i++)
        if (stages[i].forgiven)
            *forgiven |= 1u << i;
}

static void the_table_holds(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct verdict_case *wanted = &cases[i];
        struct weir__verdict verdict;
        unsigned forgiven;

        judge(wanted->stages, wanted->pipefail, &forgiven, &verdict);
        if (verdict.decided_by == wanted->decided_by && verdict.status == wanted->status
            && verdict.ok == (wanted->decided_by < 0) && forgiven == wanted->forgiven
            && (verdict.reason[0] == '\0') == verdict.ok)
            continue;
        printf("# %s: stage %d, status %d, forgiven %x, \"%s\"\n", wanted->name, verdict.decided_by,
               verdict.status, forgiven, verdict.reason);
        CU_FAIL("the verdict is another");
    }
}

static void a_crash_is_never_forgiven(void)
{
    static const int crashes[] = {SIGSEGV, SIGABRT, SIGBUS,  SIGILL,  SIGFPE,
                                  SIGSYS,  SIGTRAP, SIGKILL, SIGXCPU, SIGXFSZ};

    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
        /* The second time a shell around it tells. */
        for (int reported = 0; reported < 2; reported++) {
            struct stage stages[STAGES] = {
                {.ended = 1,
                 .at = 2,
                 .early_close_ok = 1,
                 .signal = reported ? 0 : crashes[i],
                 .code = reported ? 128 + crashes[i] : 0},
                {.ended = 1, .at = 1},
            };
            struct weir__verdict verdict;
            unsigned forgiven;

            judge(stages, SMART, &forgiven, &verdict);
            CU_ASSERT_EQUAL(verdict.decided_by, 0);
            CU_ASSERT_EQUAL(verdict.status, 128 + crashes[i]);
            CU_ASSERT_EQUAL(forgiven, 0);
        }
    }
}

static void the_verdict_says_why_and_in_words(void)
{
    static const struct stage failed[STAGES] = {EXIT(0), EXIT(3)};
    static const struct stage late[STAGES] = {DIED(SIGTERM, WHY(IDLE)), EXIT(0)};
    static const struct stage well[STAGES] = {EXIT(0)};
    struct weir__verdict verdict;
    unsigned forgiven;

    judge(failed, SMART, &forgiven, &verdict);
    CU_ASSERT_STRING_EQUAL(verdict.reason, "exited with 3");
    CU_ASSERT_EQUAL(verdict.why, WEIR_STOP_NONE);
    judge(late, SMART, &forgiven, &verdict);
    CU_ASSERT_PTR_NOT_NULL(strstr(verdict.reason, "SIGTERM"));
    CU_ASSERT_EQUAL(verdict.why, WEIR_STOP_IDLE);
    judge(well, SMART, &forgiven, &verdict);
    CU_ASSERT_STRING_EQUAL(verdict.reason, "");
    CU_ASSERT_EQUAL(verdict.why, WEIR_STOP_NONE);
}

static void a_stage_stopped_as_asked_that_left_with_0_is_reported_by_the_signal(void)
{
    struct weir_result result = {.end = WEIR_EXITED,
                                 .why = WEIR_STOP_CANCELLED,
                                 .stopped_with = {SIGTERM, SIGKILL},
                                 .stopped_with_count = 2};
    struct weir__verdict_stage stage = {.result = &result};
    struct weir__verdict verdict;

    weir__verdict(&stage, 1, WEIR_PIPEFAIL_SMART, &verdict);
    CU_ASSERT_EQUAL(verdict.status, 143);
    CU_ASSERT_EQUAL(verdict.ok, 0);
}

int main(void)
{
#define TEST(name) {#name, name}
    CU_TestInfo tests[] = {
        TEST(the_table_holds),
        TEST(a_crash_is_never_forgiven),
        TEST(the_verdict_says_why_and_in_words),
        TEST(a_stage_stopped_as_asked_that_left_with_0_is_reported_by_the_signal),
        CU_TEST_INFO_NULL,
    };

    return run_suite("verdict", tests);
}
