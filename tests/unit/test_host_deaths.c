/* Sudden deaths: of the host, and of the spawner under it. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process_tree.h"
#include "support/harness.h"
#include "support/own_host.h"
#include "support/running.h"

/* --- 15: sudden deaths ------------------------------------------------------ */

static int reported; /* write end of the pipe in which the host's children speak */

/* Starts children of every kind, then stays. */
static int be_host_to_kill(void)
{
    static const char *const modes[] = {STRAYS};
    struct weir_run_options options = run_options();
    struct weir_command command = command_of(NULL);
    weir_t *weir = weir_open(NULL, NULL);

    CHECK(weir != NULL);
    options.out = WEIR_REDIRECT_FD;
    options.out_fd = reported;
    options.grace_ms = 300;
    options.drain_ms = 1000000;
    for (int i = 0; i < 8; i++) {
        command.argv =
            ARGV(child_path("leaves_behind"), modes[i % (sizeof modes / sizeof modes[0])],
                 i < 4 ? "gentle" : "stubborn");
        CHECK(weir_run_start(weir, &command, &options, NULL, NULL, NULL) != NULL);
    }
    command.argv = ARGV(child_path("ignores_term"));
    CHECK(weir_run_start(weir, &command, &options, NULL, NULL, NULL) != NULL);
    command.argv = ARGV(child_path("stops_itself"));
    CHECK(weir_run_start(weir, &command, &options, NULL, NULL, NULL) != NULL);
    command.argv = ARGV("sh", "-c", "sleep 1000 & sleep 1000 & echo ready; wait");
    CHECK(weir_run_start(weir, &command, &options, NULL, NULL, NULL) != NULL);
    close(reported);
    for (;;) {
        await_news(weir, PATIENCE_MS);
        weir_dispatch(weir, NULL);
    }
}

static void read_line(int fd, char *line, size_t size)
{
    size_t length = 0;

    while (length + 1 < size && await_readable(fd) && read(fd, line + length, 1) == 1
           && line[length] != '\n')
        length++;
    line[length] = '\0';
}

static void when_the_host_is_killed_all_are_gone(void)
{
    char own_marker[WEIR__JOB_TAG_SIZE], line[64];
    pid_t host, left[11];
    int ends[2], status, count = 0;

    weir__job_tag_make(own_marker);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    host = fork();
    if (host == 0) {
        setenv("WEIR_JOB", own_marker, 1);
        close(ends[FD_READ_END]);
        reported = ends[FD_WRITE_END];
        _exit(be_host_to_kill());
    }
    close(ends[FD_WRITE_END]);
    for (int i = 0; i < 11; i++) {
        read_line(ends[FD_READ_END], line, sizeof line);
        CU_ASSERT(line[0] != '\0');
        left[i] = (pid_t)atol(line);
        count += left[i] > 0;
    }
    CU_ASSERT_EQUAL(count, 8);
    CU_ASSERT(count_marked(own_marker) >= 11);
    CU_ASSERT_EQUAL(kill(host, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(host, &status, 0), host);
    for (int i = 0; i < 11; i++)
        if (left[i] > 0)
            CU_ASSERT(await_end(left[i])); /* also those without any environment */
    check_nothing_left(own_marker);
    close(ends[FD_READ_END]);
}

/* A copy of the host that it forked for purposes of its own has the socket too. */
static void a_forked_copy_of_the_host_does_not_keep_its_children_alive(void)
{
    if (is_without("pidfd"))
        return;
    char own_marker[WEIR__JOB_TAG_SIZE], line[64];
    int ends[2], alive[2], status;
    pid_t host;

    weir__job_tag_make(own_marker);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(ends, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(alive, NULL), 0);
    host = fork();
    if (host == 0) {
        struct weir_run_options options = run_options();
        struct weir_command command = command_of(ARGV(child_path("says_and_stays"), "x\n"));
        weir_t *weir;
        char byte;

        setenv("WEIR_JOB", own_marker, 1);
        close(alive[FD_WRITE_END]);
        weir = weir_open(NULL, NULL);
        options.out = WEIR_REDIRECT_FD;
        options.out_fd = ends[FD_WRITE_END];
        weir_run_start(weir, &command, &options, NULL, NULL, NULL);
        if (fork() == 0) {
            if (read(alive[FD_READ_END], &byte, 1) != 0) /* until the test lets go */
                _exit(1);
            _exit(0);
        }
        for (;;)
            pause();
    }
    close(ends[FD_WRITE_END]);
    close(alive[FD_READ_END]);
    read_line(ends[FD_READ_END], line, sizeof line);
    CU_ASSERT_STRING_EQUAL(line, "x");
    kill(host, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(host, &status, 0), host);
    check_nothing_left(own_marker);
    close(alive[FD_WRITE_END]);
    close(ends[FD_READ_END]);
}

struct end {
    int calls;
    struct weir_result result;
};

static void note_end(weir_run_t *started, const struct weir_result *result,
                     const struct weir_error *error, void *context)
{
    struct end *end = context;

    end->calls++;
    CU_ASSERT_PTR_NULL(error);
    CU_ASSERT_PTR_NOT_NULL(result);
    weir_run_take(started, &end->result, NULL);
    weir_run_free(started);
}

static void await_calls(weir_t *weir, const int *calls, int wanted)
{
    while (*calls < wanted) {
        CU_ASSERT_FATAL(await_news(weir, PATIENCE_MS));
        weir_dispatch(weir, NULL);
    }
}

static void when_the_spawner_is_killed_jobs_are_lost_and_the_next_run_works(void)
{
    weir_t *weir = open_weir();
    struct weir_run_options options = run_options();
    struct weir_command command = command_of(NULL);
    struct end ends[3] = {{0}};
    char line[32], sentence[200];
    int pipe_ends[2];
    pid_t spawner = spawner_of_this_test(), stubborn, daemon;
    struct weir_result result;

    CU_ASSERT_FATAL(spawner > 0);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(pipe_ends, NULL), 0);
    options.out = WEIR_REDIRECT_FD;
    options.out_fd = pipe_ends[FD_WRITE_END];
    options.drain_ms = 1000000;
    command.argv = ARGV("sh", "-c", "trap '' TERM; echo $$; sleep 1000");
    weir_run_start(weir, &command, &options, note_end, &ends[0], NULL);
    read_line(pipe_ends[FD_READ_END], line, sizeof line);
    stubborn = (pid_t)atol(line);
    command.argv = ARGV(child_path("leaves_behind"), STRAY, "stubborn");
    weir_run_start(weir, &command, &options, note_end, &ends[1], NULL);
    read_line(pipe_ends[FD_READ_END], line, sizeof line);
    daemon = (pid_t)atol(line);
    command.argv = ARGV(child_path("says_and_stays"), "kept"); /* its output is captured */
    weir_run_start(weir, &command, NULL, note_end, &ends[2], NULL);
    while (await_news(weir, 200))
        weir_dispatch(weir, NULL); /* until all starts have been reported */
    CU_ASSERT_EQUAL(kill(spawner, SIGKILL), 0);
    for (int i = 0; i < 3; i++)
        await_calls(weir, &ends[i].calls, 1);
    CU_ASSERT_EQUAL(ends[0].result.end, WEIR_STATUS_LOST);
    CU_ASSERT_EQUAL(ends[0].result.why, WEIR_STOP_NONE);
    CU_ASSERT_EQUAL(ends[0].result.code, 0);
    CU_ASSERT_EQUAL(ends[0].result.signal, 0);
    CU_ASSERT_EQUAL(weir_result_status(&ends[0].result), 125);
    weir_result_sentence(&ends[0].result, sentence, sizeof sentence);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence, "weir-spawner"));
    CU_ASSERT_EQUAL(ends[2].result.end, WEIR_STATUS_LOST);
    CU_ASSERT(await_end(stubborn));
    CU_ASSERT(await_end(daemon));
    result = run(weir, ARGV("echo", "next"), NULL);
    CU_ASSERT(exited_with(&result, 0));
    CU_ASSERT_STRING_EQUAL(result.out.text, "next\n");
    CU_ASSERT(spawner_of_this_test() > 0 && spawner_of_this_test() != spawner);
    weir_result_clear(&result);
    for (int i = 0; i < 3; i++)
        weir_result_clear(&ends[i].result);
    close(pipe_ends[FD_READ_END]);
    close(pipe_ends[FD_WRITE_END]);
    weir_close(weir);
}

static void a_spawner_killed_while_idle_is_not_missed(void)
{
    weir_t *weir = open_weir();

    for (int i = 0; i < 5; i++) {
        pid_t spawner = spawner_of_this_test();
        struct weir_result result;

        CU_ASSERT_FATAL(spawner > 0);
        kill(spawner, SIGKILL);
        CU_ASSERT(await_end(spawner));
        result = run(weir, ARGV("echo", "x"), NULL);
        CU_ASSERT(exited_with(&result, 0));
        CU_ASSERT_STRING_EQUAL(result.out.text, "x\n");
        weir_result_clear(&result);
    }
    weir_close(weir);
}

static void a_spawner_killed_at_any_moment_leaves_one_outcome(void)
{
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("true"));

    for (int i = 0; i < 40; i++) {
        struct end ends[5] = {{0}};
        pid_t spawner = spawner_of_this_test();

        for (int j = 0; j < 5; j++) {
            weir_run_start(weir, &command, NULL, note_end, &ends[j], NULL);
            if (j == i % 5 && spawner > 0)
                kill(spawner, SIGKILL);
        }
        for (int j = 0; j < 5; j++) {
            await_calls(weir, &ends[j].calls, 1);
            CU_ASSERT_EQUAL(ends[j].calls, 1);
            CU_ASSERT(ends[j].result.end == WEIR_STATUS_LOST
                      || (ends[j].result.end == WEIR_EXITED && ends[j].result.code == 0));
            weir_result_clear(&ends[j].result);
        }
    }
    weir_close(weir);
}

struct again {
    weir_t *weir;
    int lost, exited, other;
};

static void try_again(weir_run_t *started, const struct weir_result *result,
                      const struct weir_error *error, void *context)
{
    struct again *again = context;
    struct weir_command command = command_of(ARGV("true"));
    struct weir_run_options options = run_options();

    (void)error;
    options.out = options.err = WEIR_REDIRECT_NONE;
    if (result != NULL && result->end == WEIR_EXITED) {
        again->exited++;
    } else if (result != NULL && result->end == WEIR_STATUS_LOST) {
        again->lost++;
        if (again->lost < 50)
            weir_run_start(again->weir, &command, &options, try_again, again, NULL);
    } else {
        again->other++;
    }
    weir_run_free(started);
}

static void a_lost_run_may_be_started_again_where_it_is_reported(void)
{
    if (is_without("PR_SET_PDEATHSIG")) /* it is killed before it can name the group */
        return;
    weir_t *weir = open_weir();
    struct weir_command command = command_of(ARGV("sleep", "1000"));
    struct weir_run_options options = run_options();
    struct again again = {.weir = weir};

    options.out = options.err = WEIR_REDIRECT_NONE;
    for (int i = 0; i < 3; i++)
        weir_run_start(weir, &command, &options, try_again, &again, NULL);
    kill_spawner();
    await_calls(weir, &again.exited, 3);
    CU_ASSERT_EQUAL(again.lost, 3);
    CU_ASSERT_EQUAL(again.other, 0);
    weir_close(weir);
}

static void a_missing_spawner_is_named(void)
{
    struct weir_options options;
    struct weir_error error = {0};

    weir_options_init(&options);
    options.spawner = "/no/such/weir-spawner";
    CU_ASSERT_PTR_NULL(weir_open(&options, &error));
    CU_ASSERT_EQUAL(error.status, WEIR_ERR_SPAWNER);
    CU_ASSERT_EQUAL(error.sys_errno, ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/no/such/weir-spawner"));
}

static void a_spawner_that_is_none_is_found_out(void)
{
    struct weir_options options;
    struct weir_command command = command_of(ARGV("true"));
    struct weir_result result = {0};
    struct weir_error error = {0};
    weir_t *weir;

    weir_options_init(&options);
    options.spawner = "/bin/true"; /* starts, and is gone */
    weir = weir_open(&options, &error);
    if (weir != NULL) {
        int status = weir_run(weir, &command, NULL, &result, &error);

        CU_ASSERT(status < 0 || result.end == WEIR_STATUS_LOST);
        weir_result_clear(&result);
        weir_close(weir);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"when the host is killed all are gone", when_the_host_is_killed_all_are_gone},
        {"a forked copy of the host does not keep its children alive",
         a_forked_copy_of_the_host_does_not_keep_its_children_alive},
        {"when the spawner is killed jobs are lost and the next run works",
         when_the_spawner_is_killed_jobs_are_lost_and_the_next_run_works},
        {"a spawner killed while idle is not missed", a_spawner_killed_while_idle_is_not_missed},
        {"a spawner killed at any moment leaves one outcome",
         a_spawner_killed_at_any_moment_leaves_one_outcome},
        {"a lost run may be started again where it is reported",
         a_lost_run_may_be_started_again_where_it_is_reported},
        {"a missing spawner is named", a_missing_spawner_is_named},
        {"a spawner that is none is found out", a_spawner_that_is_none_is_found_out},
        CU_TEST_INFO_NULL,
    };

    return run_suite("host_deaths", tests);
}
