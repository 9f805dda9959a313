/* One pool, many threads. */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/calling.h"
#include "support/harness.h"
#include "support/running.h"

enum { THREADS = 8, CALLS = 60 };

static weir_t *weir;
static weir_pool_t *pool;
static atomic_int good, others;

static void open_all(unsigned workers, const char *const *arguments)
{
    struct weir_pool_options options = worker_pool(arguments);

    atomic_store(&good, 0);
    atomic_store(&others, 0);
    weir = open_weir();
    options.workers = workers;
    pool = open_pool(weir, &options);
}

static void close_all(void)
{
    CU_ASSERT_EQUAL(stat_of(pool, "running"), 0);
    CU_ASSERT_EQUAL(stat_of(pool, "queued"), 0);
    weir_pool_close(pool, PATIENCE_MS);
    weir_close(weir);
}

static void run_threads(void *(*body)(void *number))
{
    pthread_t threads[THREADS];
    int numbers[THREADS];

    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, body, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* No CUnit here: it belongs to the main thread. */
static void *call_many(void *data)
{
    int number = *(int *)data;

    for (int i = 0; i < CALLS; i++) {
        struct weir_reply reply = {0};
        char params[40], result[40];

        snprintf(params, sizeof params, "[%d,%d]", number * 1000, i);
        snprintf(result, sizeof result, "%d", number * 1000 + i);
        if (weir_call(pool, "add", params, NULL, &reply, NULL) == 0
            && reply.outcome == WEIR_CALL_RETURNED && strcmp(reply.result, result) == 0)
            atomic_fetch_add(&good, 1);
        weir_reply_clear(&reply);
    }
    return NULL;
}

static void many_threads_call_at_once(void)
{
    open_all(2, NULL);
    run_threads(call_many);
    CU_ASSERT_EQUAL(atomic_load(&good), THREADS * CALLS);
    CU_ASSERT_EQUAL(stat_of(pool, "calls"), THREADS * CALLS);
    close_all();
}

static void *stream_many(void *data)
{
    struct weir_call_options options;

    (void)data;
    weir_call_options_init(&options);
    options.input = 1;
    for (int i = 0; i < 5; i++) {
        weir_call_t *running = weir_call_start(pool, "running", NULL, 0, &options, NULL, NULL);
        struct weir_reply reply = {0};
        const char *bytes;
        size_t length;
        int fine = running != NULL;

        for (int n = 1; fine && n <= 10; n++)
            fine = weir_call_send(running, "2", 1, NULL) == 1
                   && weir_call_next(running, &bytes, &length, NULL) == 1 && atoi(bytes) == 2 * n;
        if (running != NULL)
            weir_call_end(running, NULL);
        fine = fine && weir_call_next(running, &bytes, &length, NULL) == 0
               && weir_call_wait(running, &reply, NULL) == 0 && reply.outcome == WEIR_CALL_RETURNED
               && strcmp(reply.result, "20") == 0;
        atomic_fetch_add(&good, fine);
        weir_reply_clear(&reply);
        weir_call_free(running);
    }
    return NULL;
}

static void many_threads_stream_at_once(void)
{
    open_all(2, NULL);
    run_threads(stream_many);
    CU_ASSERT_EQUAL(atomic_load(&good), THREADS * 5);
    close_all();
}

static void *cancel_it(void *call)
{
    weir_call_cancel(call);
    return NULL;
}

static void *cancel_many(void *data)
{
    int number = *(int *)data;

    for (int i = 0; i < 20; i++) {
        weir_call_t *racing =
            weir_call_start(pool, i % 3 == 0 ? "sleep" : "add", i % 3 == 0 ? "[60000]" : "[1,1]",
                            i % 3 == 0 ? 7 : 5, NULL, NULL, NULL);
        struct weir_reply reply = {0};
        pthread_t other;

        if (racing == NULL || pthread_create(&other, NULL, cancel_it, racing) != 0)
            continue;
        if (weir_call_wait(racing, &reply, NULL) == 0) {
            if (reply.outcome == WEIR_CALL_RETURNED || reply.outcome == WEIR_CALL_CANCELLED)
                atomic_fetch_add(&good, 1);
            else
                atomic_fetch_add(&others, 1);
        }
        pthread_join(other, NULL);
        weir_reply_clear(&reply);
        if ((number + i) % 5 == 0) /* freed while it goes on */
            weir_call_free(weir_call_start(pool, "sleep", "[60000]", 7, NULL, NULL, NULL));
        weir_call_free(racing);
    }
    return NULL;
}

static void another_thread_may_cancel(void)
{
    open_all(2, NULL);
    run_threads(cancel_many);
    CU_ASSERT_EQUAL(atomic_load(&good), THREADS * 20);
    CU_ASSERT_EQUAL(atomic_load(&others), 0);
    CU_ASSERT(await_stat(weir, pool, "running", 0));
    close_all();
}

static void *kill_and_call(void *data)
{
    int number = *(int *)data;

    for (int i = 0; i < 10; i++) {
        struct weir_reply reply = {0};
        const char *method = number == 0 ? "die" : "add";

        if (weir_call(pool, method, "[1,1]", NULL, &reply, NULL) == 0)
            atomic_fetch_add(reply.outcome == (number == 0 ? WEIR_CALL_UNKNOWN : WEIR_CALL_RETURNED)
                                 ? &good
                                 : &others,
                             1);
        weir_reply_clear(&reply);
    }
    return NULL;
}

static void crashes_cost_only_their_own(void)
{
    open_all(2, NULL);
    run_threads(kill_and_call);
    CU_ASSERT_EQUAL(atomic_load(&good), THREADS * 10);
    CU_ASSERT_EQUAL(atomic_load(&others), 0);
    close_all();
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"many_threads_call_at_once", many_threads_call_at_once},
        {"many_threads_stream_at_once", many_threads_stream_at_once},
        {"another_thread_may_cancel", another_thread_may_cancel},
        {"crashes_cost_only_their_own", crashes_cost_only_their_own},
        CU_TEST_INFO_NULL,
    };

    return run_suite("pool_threads", tests);
}
