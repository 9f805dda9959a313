/* Two hundred callers, workers killed at random, for as long as one likes: every call
 * ends exactly once, none hangs, memory stays.
 *
 *     make check-soak SECONDS=300 [SEED=7]
 */
#include "config.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/calling.h"
#include "support/harness.h"
#include "support/mapping.h"
#include "support/running.h"

enum { CALLERS = 200, WORKERS = 4, OUTCOMES = WEIR_CALL_NO_WORKER + 1 };

struct caller {
    struct soak *soak;
    weir_call_t *call; /* NULL: none under way */
    int is_plain;      /* add: it can only return, or be lost with its worker */
};

struct soak {
    weir_t *weir;
    weir_pool_t *pool;
    struct caller callers[CALLERS];
    uint64_t random, started, ended, outcomes[OUTCOMES];
    int64_t until_ns, moved_ns;
    int kills, wrong;
};

static unsigned chance(struct soak *soak, unsigned below)
{
    soak->random = soak->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((soak->random >> 33) % below);
}

static void on_done(weir_call_t *call, const struct weir_reply *reply, void *context);

static void on_value(weir_call_t *call, const char *bytes, size_t length, void *context)
{
    struct caller *caller = context;

    (void)bytes;
    (void)length;
    if (chance(caller->soak, 20) == 0)
        weir_call_cancel(call);
    else
        weir_call_grant(call, 1);
}

static void start_one(struct caller *caller)
{
    static const struct {
        const char *method, *params;
    } kinds[] = {
        {"add", "[20,22]"}, {"add", "[20,22]"},  {"add", "[20,22]"}, {"echo", "[\"x\"]"},
        {"sleep", "[1]"},   {"count", "[0,30]"}, {"endless", NULL},  {"big", "[200000]"},
        {"pid", NULL},      {"error", "[1001]"}, {"twice", NULL},    {"noise", NULL},
    };
    struct soak *soak = caller->soak;
    size_t which = chance(soak, sizeof kinds / sizeof kinds[0]);
    struct weir_call_sink sink = {
        .size = sizeof sink, .on_value = on_value, .on_done = on_done, .context = caller};
    struct weir_call_options options = call_options();
    const char *params = kinds[which].params;

    options.idempotent = chance(soak, 2) ? 1 : -1;
    if (chance(soak, 4) == 0)
        options.timeout_ms = chance(soak, 200);
    soak->started++;
    caller->is_plain = which < 3;
    caller->call = weir_call_start(soak->pool, kinds[which].method, params,
                                   params != NULL ? strlen(params) : 0, &options, &sink, NULL);
    if (caller->call == NULL)
        soak->wrong++;
}

static void on_done(weir_call_t *call, const struct weir_reply *reply, void *context)
{
    struct caller *caller = context;
    struct soak *soak = caller->soak;

    soak->ended++;
    soak->outcomes[reply->outcome]++;
    soak->moved_ns = weir__clock_ns();
    if (caller->call != call)
        soak->wrong++; /* reported twice */
    if (caller->is_plain && reply->outcome == WEIR_CALL_RETURNED
        && strcmp(reply->result, "42") != 0)
        soak->wrong++;
    caller->call = NULL;
    weir_call_free(call);
    if (soak->moved_ns < soak->until_ns)
        start_one(caller);
}

static int all_ended(void *data)
{
    const struct soak *soak = data;

    return soak->ended == soak->started && weir__clock_ns() >= soak->until_ns;
}

static void kill_somebody(struct soak *soak)
{
    pid_t pid = worker_pid(soak->pool);

    if (pid > 1)
        kill(pid, chance(soak, 4) == 0 ? SIGSTOP : SIGKILL);
    soak->kills++;
}

static long number_from(const char *name, long otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? atol(text) : otherwise;
}

static void every_call_ends_once(void)
{
    struct weir_pool_options options = worker_pool(ARGV("--concurrency", "2"));
    struct soak *soak = calloc(1, sizeof *soak);
    long seconds = number_from("SECONDS", 3);
    int measures, is_warm = 0;
    int64_t began_ns = weir__clock_ns();

    CU_ASSERT_PTR_NOT_NULL_FATAL(soak);
    alarm((unsigned)seconds + SUITE_DEADLINE_S);
    soak->random = (uint64_t)number_from("SEED", 1);
    soak->weir = open_weir();
    options.workers = WORKERS;
    options.start_attempts = 1000;
    options.backoff_max_ms = 50;
    options.recycle_calls = 500;
    soak->pool = open_pool(soak->weir, &options);
    soak->until_ns = soak->moved_ns = began_ns + seconds * 1000000000;
    measures = memory_can_be_measured();
    for (int i = 0; i < CALLERS; i++) {
        soak->callers[i].soak = soak;
        start_one(&soak->callers[i]);
    }
    while (weir__clock_ns() < soak->until_ns) {
        dispatch_for(soak->weir, 20 + (int)chance(soak, 60));
        kill_somebody(soak);
        if (!is_warm && weir__clock_ns() > began_ns + seconds * 300000000) {
            is_warm = 1; /* buffers are as large as they get */
            measures = measures && memory_can_be_measured();
        }
    }
    /* What a stopped worker holds ends with it. */
    for (int i = 0; i < CALLERS; i++)
        if (soak->callers[i].call != NULL)
            weir_call_cancel(soak->callers[i].call);
    CU_ASSERT(dispatch_until(soak->weir, all_ended, soak));
    if (measures)
        printf("# peak growth: %ld KiB\n", peak_growth_kb());
    CU_ASSERT(!measures || peak_growth_kb() < 8192);
    printf("# %llu calls, %d workers killed or stopped, restarts %lld:",
           (unsigned long long)soak->ended, soak->kills, stat_of(soak->pool, "restarts"));
    for (int i = 0; i < OUTCOMES; i++)
        printf(" %s %llu", weir_outcome_name((enum weir_outcome)i),
               (unsigned long long)soak->outcomes[i]);
    printf("\n");
    CU_ASSERT_EQUAL(soak->started, soak->ended);
    CU_ASSERT_EQUAL(soak->wrong, 0);
    CU_ASSERT(soak->outcomes[WEIR_CALL_RETURNED] > 0);
    weir_pool_close(soak->pool, PATIENCE_MS);
    weir_close(soak->weir);
    free(soak);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"every_call_ends_once", every_call_ends_once},
        CU_TEST_INFO_NULL,
    };

    return run_suite("pool_soak", tests);
}
