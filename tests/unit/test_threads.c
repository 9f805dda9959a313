/* One context, many threads. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/harness.h"
#include "support/running.h"

enum { THREADS = 16, RUNS = 200 };

/* CUnit's assertions are for one thread: the others count. */
struct worker {
    pthread_t thread;
    weir_t *weir;
    int number;
    int good;
};

static void start_all(struct worker *workers, int count, weir_t *weir, void *(*work)(void *))
{
    for (int i = 0; i < count; i++) {
        workers[i] = (struct worker){.weir = weir, .number = i};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
}

static int join_all(struct worker *workers, int count)
{
    int good = 0;

    for (int i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        good += workers[i].good;
    }
    return good;
}

static void *run_many(void *data)
{
    struct worker *worker = data;
    char word[32], wanted[40], code[64];

    for (int i = 0; i < RUNS; i++) {
        struct weir_result result = {0};
        struct weir_command command;

        snprintf(word, sizeof word, "%d-%d", worker->number, i);
        snprintf(wanted, sizeof wanted, "%s\n", word);
        snprintf(code, sizeof code, "echo $0; exit %d", (worker->number + i) % 100);
        command = command_of(i % 2 ? ARGV("echo", word) : ARGV("sh", "-c", code, word));
        if (weir_run(worker->weir, &command, NULL, &result, NULL) == 0 && result.end == WEIR_EXITED
            && result.why == WEIR_STOP_NONE
            && result.code == (i % 2 ? 0 : (worker->number + i) % 100)
            && strcmp(result.out.text, wanted) == 0)
            worker->good++;
        weir_result_clear(&result);
    }
    return NULL;
}

static void sixteen_threads_run_two_hundred_each(void)
{
    struct worker workers[THREADS];
    weir_t *weir = open_weir();

    start_all(workers, THREADS, weir, run_many);
    CU_ASSERT_EQUAL(join_all(workers, THREADS), THREADS * RUNS);
    weir_close(weir);
}

static void *run_with_input(void *data)
{
    struct worker *worker = data;
    size_t length = 1000000 + (size_t)worker->number * 1000;
    char *bytes = malloc(length);
    struct weir_run_options options = run_options();
    struct weir_command command = command_of(ARGV("cat"));
    struct weir_result result = {0};

    memset(bytes, 'a' + worker->number, length);
    options.input = WEIR_INPUT_BYTES;
    options.input_bytes = bytes;
    options.input_length = length;
    for (int i = 0; i < 5; i++) {
        if (weir_run(worker->weir, &command, &options, &result, NULL) == 0
            && result.out.total == length && memcmp(result.out.bytes, bytes, length) == 0)
            worker->good++;
        weir_result_clear(&result);
    }
    free(bytes);
    return NULL;
}

static void megabytes_of_many_threads_do_not_mix(void)
{
    struct worker workers[THREADS];
    weir_t *weir = open_weir();

    start_all(workers, THREADS, weir, run_with_input);
    CU_ASSERT_EQUAL(join_all(workers, THREADS), THREADS * 5);
    weir_close(weir);
}

/* Starts one that stays, and goes. */
struct starter {
    weir_t *weir;
    weir_run_t *run;
    int out;
};

static void *start_and_end(void *data)
{
    struct starter *starter = data;
    struct weir_command command = command_of(ARGV(child_path("answers_signal")));
    struct weir_run_options options = run_options();

    options.out = WEIR_REDIRECT_FD;
    options.out_fd = starter->out;
    starter->run = weir_run_start(starter->weir, &command, &options, NULL, NULL, NULL);
    return NULL;
}

static void a_child_outlives_the_thread_that_started_it(void)
{
    struct starter starter = {.weir = open_weir()};
    struct weir_result result = {0};
    pthread_t thread;
    char bytes[16];
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    starter.out = ends[FD_WRITE_END];
    pthread_create(&thread, NULL, start_and_end, &starter);
    pthread_join(thread, NULL); /* a parent-death signal would strike here */
    close(ends[FD_WRITE_END]);
    CU_ASSERT_PTR_NOT_NULL_FATAL(starter.run);
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], bytes, sizeof bytes), 6); /* "ready\n" */
    weir_run_signal(starter.run, SIGUSR1);
    CU_ASSERT_EQUAL(read(ends[FD_READ_END], bytes, sizeof bytes), 3); /* "10\n": it lives */
    weir_run_signal(starter.run, SIGUSR2);
    CU_ASSERT_EQUAL(weir_run_wait(starter.run, &result, NULL), 0);
    CU_ASSERT(exited_with(&result, 5));
    weir_result_clear(&result);
    weir_run_free(starter.run);
    close(ends[FD_READ_END]);
    weir_close(starter.weir);
}

/* Waits for a run that somebody else cancels. */
static void *wait_for_run(void *data)
{
    struct starter *starter = data;
    struct weir_result result = {0};

    starter->out = weir_run_wait(starter->run, &result, NULL) == 0
                   && result.why == WEIR_STOP_CANCELLED && result.signal == SIGTERM;
    weir_result_clear(&result);
    return NULL;
}

static void another_thread_may_cancel(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sleep", "1000"));

    for (int i = 0; i < 30; i++) {
        struct starter starter = {.weir = weir};
        pthread_t thread;

        starter.run = weir_run_start(weir, &command, NULL, NULL, NULL, NULL);
        pthread_create(&thread, NULL, wait_for_run, &starter);
        weir_run_cancel(starter.run);
        pthread_join(thread, NULL);
        CU_ASSERT_EQUAL(starter.out, 1);
        weir_run_free(starter.run);
    }
    weir_close(weir);
}

/* Everything at once: run, start, cancel, signal, take, free. */
static void *do_anything(void *data)
{
    struct worker *worker = data;
    unsigned state = (unsigned)worker->number * 7919 + 1;

    for (int i = 0; i < 60; i++) {
        struct weir_command command =
            command_of(rand_r(&state) % 2 ? ARGV("true") : ARGV("sleep", "1000"));
        struct weir_run_options options = run_options();
        struct weir_result result = {0};
        weir_run_t *run;

        options.timeout_ms = 50 + rand_r(&state) % 50;
        options.grace_ms = 1000;
        run = weir_run_start(worker->weir, &command, &options, NULL, NULL, NULL);
        if (run == NULL)
            continue;
        switch (rand_r(&state) % 5) {
        case 0:
            weir_run_cancel(run);
            weir_run_cancel(run);
            break;
        case 1:
            weir_run_signal(run, SIGTERM);
            break;
        case 2:
            weir_run_free(run);
            worker->good++;
            continue;
        case 3:
            weir_run_take(run, &result, NULL);
            break;
        default:
            break;
        }
        if (result.argv != NULL || weir_run_wait(run, &result, NULL) == 0)
            worker->good++;
        weir_result_clear(&result);
        weir_run_free(run);
    }
    return NULL;
}

static void anything_at_once_ends_once(void)
{
    struct worker workers[THREADS];
    weir_t *weir = open_weir();

    start_all(workers, THREADS, weir, do_anything);
    CU_ASSERT_EQUAL(join_all(workers, THREADS), THREADS * 60);
    weir_close(weir);
}

/* A thread that polls the descriptor, and others that wait. */
static int poller_ends;
static pthread_mutex_t poller_mutex = PTHREAD_MUTEX_INITIALIZER;

static void *poll_and_dispatch(void *data)
{
    weir_t *weir = data;
    int ends = 0;

    while (!ends) {
        poll(&(struct pollfd){.fd = weir_fd(weir), .events = POLLIN}, 1, 10);
        weir_dispatch(weir, NULL);
        pthread_mutex_lock(&poller_mutex);
        ends = poller_ends;
        pthread_mutex_unlock(&poller_mutex);
    }
    return NULL;
}

static void one_may_dispatch_while_others_wait(void)
{
    struct worker workers[4];
    weir_t *weir = open_weir();
    pthread_t poller;

    poller_ends = 0;
    pthread_create(&poller, NULL, poll_and_dispatch, weir);
    start_all(workers, 4, weir, run_many);
    CU_ASSERT_EQUAL(join_all(workers, 4), 4 * RUNS);
    pthread_mutex_lock(&poller_mutex);
    poller_ends = 1;
    pthread_mutex_unlock(&poller_mutex);
    pthread_join(poller, NULL);
    weir_close(weir);
}

#ifndef WITH_THREAD_SANITIZER
static void *open_and_run(void *data)
{
    struct worker *worker = data;

    for (int i = 0; i < 10; i++) {
        struct weir_command command = command_of(ARGV("echo", "x"));
        struct weir_result result = {0};
        weir_t *weir = weir_open(NULL, NULL);

        if (weir != NULL && weir_run(weir, &command, NULL, &result, NULL) == 0
            && strcmp(result.out.text, "x\n") == 0)
            worker->good++;
        weir_result_clear(&result);
        weir_close(weir);
    }
    return NULL;
}

static void each_thread_may_have_a_context_of_its_own(void)
{
    struct worker workers[8];

    start_all(workers, 8, NULL, open_and_run);
    CU_ASSERT_EQUAL(join_all(workers, 8), 80);
}
#endif

static void *lose_spawners(void *data)
{
    struct worker *worker = data;

    for (int i = 0; i < 30; i++) {
        struct weir_command command = command_of(ARGV("true"));
        struct weir_result result = {0};

        if (worker->number == 0 && i % 10 == 5) {
            pid_t spawner = find_marked(test_marker(), "weir-spawner");

            if (spawner > 0)
                kill(spawner, SIGKILL);
        }
        if (weir_run(worker->weir, &command, NULL, &result, NULL) == 0
            && (result.end == WEIR_STATUS_LOST || (result.end == WEIR_EXITED && result.code == 0)))
            worker->good++;
        weir_result_clear(&result);
    }
    return NULL;
}

static void a_killed_spawner_is_survived_by_all_threads(void)
{
    struct worker workers[THREADS];
    weir_t *weir = open_weir();

    start_all(workers, THREADS, weir, lose_spawners);
    CU_ASSERT_EQUAL(join_all(workers, THREADS), THREADS * 30);
    weir_close(weir);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"sixteen threads run two hundred each", sixteen_threads_run_two_hundred_each},
        {"megabytes of many threads do not mix", megabytes_of_many_threads_do_not_mix},
        {"a child outlives the thread that started it",
         a_child_outlives_the_thread_that_started_it},
        {"another thread may cancel", another_thread_may_cancel},
        {"anything at once ends once", anything_at_once_ends_once},
        {"one may dispatch while others wait", one_may_dispatch_while_others_wait},
/* libuv closes descriptors behind ThreadSanitizer's back, by number of the call:
 * that one then takes a number that is given again for a race. */
#ifndef WITH_THREAD_SANITIZER
        {"each thread may have a context of its own", each_thread_may_have_a_context_of_its_own},
#endif
        {"a killed spawner is survived by all threads",
         a_killed_spawner_is_survived_by_all_threads},
        CU_TEST_INFO_NULL,
    };

    return run_suite("threads", tests);
}
